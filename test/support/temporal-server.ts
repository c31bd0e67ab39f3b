/** The embedded Temporal server for adapter tests, in a folder of its own, on any free ports. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { locateTemporal } from '../../adapters/temporal/locate-temporal.js';
import type { DevServer, StartDevServerOptions } from '../../adapters/temporal/start-dev-server.js';
import { startDevServer } from '../../adapters/temporal/start-dev-server.js';
import { createRecordingLogger } from './recording-logger.js';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Downloads are shared by all tests, and kept: the Temporal program is 150 MB. */
export const TEST_CACHE_DIR = process.env['TURNSTONE_CACHE_DIR'] ?? join(REPOSITORY, '.cache');

export async function temporalBinary(): Promise<string> {
  return (await locateTemporal({ cacheDir: TEST_CACHE_DIR, env: process.env })).path;
}

/** The caller stops it; `startForTest` does so when the test ends. */
export async function startTemporalServer(
  dataDir: string,
  options: Partial<StartDevServerOptions> = {},
): Promise<DevServer> {
  return startDevServer({
    binary: await temporalBinary(),
    dataDir,
    namespace: 'default',
    port: 0,
    uiPort: 0,
    logger: createRecordingLogger().logger,
    env: process.env,
    ...options,
  });
}

export async function startForTest(dataDir: string, options: Partial<StartDevServerOptions> = {}): Promise<DevServer> {
  const server = await startTemporalServer(dataDir, options);
  onTestFinished(() => server.stop());
  return server;
}
