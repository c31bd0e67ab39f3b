/** Python runners for tests: the standard library alone, so that nothing is fetched, and no warm pool unless asked for. */
import { onTestFinished } from 'vitest';
import type { PythonRunnerOptions } from '../../adapters/sandbox/python-runner.js';
import { createPythonRunner } from '../../adapters/sandbox/python-runner.js';
import { findBubblewrap } from '../../adapters/sandbox/bubblewrap.js';
import type { PythonJob, PythonRunner } from '../../domain/ports/tool-runtime.js';
import { createRecordingLogger } from './recording-logger.js';
import { temporaryFolder } from './temporary-folder.js';

/** Why the jail cannot be tested on this machine; null when it can. Shown in the titles of skipped tests. */
export async function jailMissing(): Promise<string | null> {
  if (process.platform !== 'linux') return 'not Linux';
  return (await findBubblewrap()) === null ? 'bubblewrap is not installed' : null;
}

export function createTestRunner(options: Partial<PythonRunnerOptions> = {}): PythonRunner {
  const { logger } = createRecordingLogger();
  const runner = createPythonRunner({
    dataDir: options.dataDir ?? temporaryFolder(),
    poolSize: 0,
    packages: [],
    logger,
    ...options,
  });
  onTestFinished(() => runner.close());
  return runner;
}

export function pythonJob(code: string, changes: Partial<PythonJob> = {}): PythonJob {
  return { code, files: [], timeoutMs: 20_000, signal: new AbortController().signal, ...changes };
}
