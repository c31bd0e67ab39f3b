/** Temporal for this process: the one TEMPORAL_ADDRESS names, or the embedded server as a child. */
import type { Config } from '../adapters/config/load-config.js';
import { connectTemporal } from '../adapters/temporal/connect-temporal.js';
import type { TemporalConnection } from '../adapters/temporal/connect-temporal.js';
import { locateTemporal } from '../adapters/temporal/locate-temporal.js';
import { startDevServer } from '../adapters/temporal/start-dev-server.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Closers } from './closers.js';
import { planUiCodec } from './open-codec.js';
import type { UiCodec } from './open-codec.js';

export interface Engine extends TemporalConnection {
  /** Null for a server of somebody else: where its UI is, is not known here. */
  readonly uiUrl: string | null;
  /** Null: the UI cannot read encrypted payloads by itself. */
  readonly uiCodec: UiCodec | null;
  /** For people: which server this is and where its program came from. */
  readonly origin: string;
}

/** @throws `server.cannot-start` */
export async function openEngine(
  config: Config,
  logger: Logger,
  closers: Closers,
  say: (detail: string) => void,
): Promise<Engine> {
  const { temporal } = config;
  if (temporal.address !== null) {
    const { address, namespace, connection } = temporal;
    const connected = await connectTemporal({ address, namespace, connection, embedded: false, logger });
    closers.add('temporal connection', connected.close);
    return { ...connected, uiUrl: null, uiCodec: null, origin: `server at ${address}` };
  }
  const uiCodec = planUiCodec(config);
  const located = await locateTemporal({ cacheDir: config.cacheDir, env: config.environment, onProgress: say });
  logger.debug({ path: located.path, version: located.version, foundBy: located.foundBy }, 'Temporal found');
  const server = await startDevServer({
    binary: located.path,
    dataDir: config.dataDir,
    namespace: temporal.namespace,
    port: temporal.port,
    uiPort: temporal.ui_port,
    codecEndpoint: uiCodec?.endpoint,
    logger,
    env: config.environment,
  });
  closers.add('temporal server', () => server.stop());
  const connected = await connectTemporal({
    address: server.address,
    namespace: temporal.namespace,
    embedded: true,
    logger,
  });
  closers.add('temporal connection', connected.close);
  return { ...connected, uiUrl: server.uiUrl, uiCodec, origin: `Temporal CLI ${located.version}, ${located.foundBy}` };
}
