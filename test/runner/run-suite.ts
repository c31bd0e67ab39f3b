/** Runs one suite in its own process group, so that a suite that hangs is ended with everything it started. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { SuiteResult } from './suite-result.js';
import { toSuiteResult } from './suite-result.js';

const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
/** Longer than any suite takes on a slow machine; a suite that needs more than this hangs. */
const SUITE_LIMIT_MS = 15 * 60_000;

export interface SuiteOptions {
  readonly root: string;
  readonly reportFile: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Where its output goes; absent: straight to the terminal. */
  readonly outputFile?: string;
}

function runVitest(name: string, { root, reportFile, env, signal, outputFile }: SuiteOptions): Promise<number | null> {
  const args = [
    VITEST,
    'run',
    '--project',
    name,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
  ];
  const output = outputFile === undefined ? 'inherit' : openSync(outputFile, 'w');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env,
      stdio: ['ignore', output, output],
      detached: true,
    });
    const endGroup = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    const limit = setTimeout(endGroup, SUITE_LIMIT_MS);
    signal.addEventListener('abort', endGroup, { once: true });
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(limit);
      if (output !== 'inherit') closeSync(output);
      signal.removeEventListener('abort', endGroup);
      resolve(code);
    });
  });
}

export async function runSuite(name: string, options: SuiteOptions): Promise<SuiteResult> {
  const startedAt = Date.now();
  await mkdir(dirname(options.reportFile), { recursive: true });
  await rm(options.reportFile, { force: true });
  const exitCode = await runVitest(name, options);
  const report = await readFile(options.reportFile, 'utf8').catch(() => null);
  return toSuiteResult({ name, exitCode, report, durationMs: Date.now() - startedAt });
}
