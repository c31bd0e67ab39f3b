/** The embedded Temporal server for adapter tests, in a folder of its own, on any free ports. */
import { onTestFinished } from 'vitest';
import { locateTemporal } from '../../adapters/temporal/locate-temporal.js';
import type { DevServer, StartDevServerOptions } from '../../adapters/temporal/start-dev-server.js';
import { startDevServer } from '../../adapters/temporal/start-dev-server.js';
import { createRecordingLogger } from './recording-logger.js';
import { TEST_CACHE_DIR } from './test-cache.js';

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
