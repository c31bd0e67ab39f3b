/** What suites that start servers need beside npm packages, fetched once and kept under .cache/ (not under git). */
import { dirname, delimiter, join } from 'node:path';
import { locateTemporal } from '../../adapters/temporal/locate-temporal.js';
import { toError } from '../../domain/failures.js';
import { preparePythonClient } from './prepare-python-client.js';

/** The interpreter that has the official `openai` package; unset: the tests that need it are skipped. */
const PYTHON_CLIENT_VARIABLE = 'TEST_OPENAI_PYTHON';

export interface TestEnvironment {
  /** For the suites: the Temporal program is on PATH, downloads of the product are shared. */
  readonly env: NodeJS.ProcessEnv;
  /** What is missing and must not be: counted as failures. */
  readonly problems: readonly string[];
}

export async function prepareTestEnvironment(cacheDir: string, say: (line: string) => void): Promise<TestEnvironment> {
  const env: NodeJS.ProcessEnv = { TURNSTONE_CACHE_DIR: cacheDir, ...process.env };
  const problems: string[] = [];
  say('Setting up:');
  try {
    const onProgress = (message: string): void => say(`  ${message}`);
    const { path, version, foundBy } = await locateTemporal({ cacheDir, env: process.env, onProgress });
    say(`  Temporal CLI ${version}: ${foundBy}`);
    env['PATH'] = `${dirname(path)}${delimiter}${process.env['PATH'] ?? ''}`;
  } catch (error) {
    problems.push(toError(error).message);
    say(`  ${toError(error).message}`);
  }
  const client = await preparePythonClient(join(cacheDir, 'test'));
  if ('python' in client) {
    say(`  official Python client: ${client.python}`);
    env[PYTHON_CLIENT_VARIABLE] = client.python;
  } else {
    say(`  no official Python client, its tests are skipped: ${client.missing}`);
  }
  return { env, problems };
}
