/**
 * Proves that `.ci/run` ends with one line that tells the truth: failures of the checks and of the tests count, and a test
 * run that breaks off is never green. Runs the real script; npm and apt-get are stand-ins on PATH.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY_ROOT } from './repository-files.js';

interface Outcome {
  readonly lastLine: string;
  readonly status: number | null;
}

describe('.ci/run', () => {
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'turnstone-ci-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function standIn(name: string, body: string): void {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
  }

  interface NpmRuns {
    readonly check: number;
    readonly testOutput: string;
    readonly test: number;
    readonly faultsOutput?: string;
    readonly faults?: number;
  }

  function runCi(npm: NpmRuns): Outcome {
    // Nothing may be installed by a test.
    standIn('apt-get', 'exit 1');
    standIn('sudo', 'exit 1');
    const cases = [
      'case "$*" in',
      '  ci*) exit 0;;',
      `  *check:static*) exit ${npm.check};;`,
      `  *faults*) printf '%b\\n' "${npm.faultsOutput ?? '0 passed, 0 failed'}"; exit ${npm.faults ?? 0};;`,
      `  test*) printf '%b\\n' "${npm.testOutput}"; exit ${npm.test};;`,
      'esac',
      'exit 99',
    ];
    standIn('npm', cases.join('\n'));
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    const { stdout, status } = spawnSync(join(REPOSITORY_ROOT, '.ci', 'run'), {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', status };
  }

  it('everything passes -> the sum of the tests, exit 0', () => {
    expect(runCi({ check: 0, testOutput: '12 passed, 0 failed, 3 skipped', test: 0 })).toEqual({
      lastLine: '12 passed, 0 failed, 3 skipped',
      status: 0,
    });
  });

  it('the fault run -> its numbers are added', () => {
    const faultsOutput = '40 passed, 0 failed, 2 skipped';
    expect(runCi({ check: 0, testOutput: '12 passed, 0 failed, 3 skipped', test: 0, faultsOutput })).toEqual({
      lastLine: '52 passed, 0 failed, 5 skipped',
      status: 0,
    });
  });

  it('the fault run fails, or breaks off -> a failure, exit 1', () => {
    const runs = { check: 0, testOutput: '12 passed, 0 failed', test: 0, faults: 1 };
    expect(runCi({ ...runs, faultsOutput: '39 passed, 2 failed' })).toEqual({
      lastLine: '51 passed, 2 failed',
      status: 1,
    });
    expect(runCi({ ...runs, faultsOutput: 'Killed' })).toEqual({ lastLine: '12 passed, 1 failed', status: 1 });
  });

  it('a test prints a null byte -> the sum is found all the same', () => {
    const testOutput = String.raw`address in use: \0000name\n12 passed, 0 failed`;
    expect(runCi({ check: 0, testOutput, test: 0 })).toEqual({ lastLine: '12 passed, 0 failed', status: 0 });
  });

  it('a test fails -> its sum, exit 1', () => {
    expect(runCi({ check: 0, testOutput: '11 passed, 1 failed', test: 1 })).toEqual({
      lastLine: '11 passed, 1 failed',
      status: 1,
    });
  });

  it('a check fails -> one failure more, exit 1', () => {
    expect(runCi({ check: 1, testOutput: '12 passed, 2 failed, 3 skipped', test: 0 })).toEqual({
      lastLine: '12 passed, 3 failed, 3 skipped',
      status: 1,
    });
  });

  it.each([0, 1])('the tests end with %s and without a summary -> a failure, exit 1', (test) => {
    expect(runCi({ check: 0, testOutput: 'Segmentation fault', test })).toEqual({
      lastLine: '0 passed, 1 failed',
      status: 1,
    });
  });
});
