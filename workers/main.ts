/**
 * A process of the product, from its configuration to its exit code. The roles it runs come from the configuration:
 * `all` (the default), or some of `api`, `turns`, `tools`, `background`.
 */
import { describeConfig } from '../adapters/config/describe-config.js';
import type { LoadConfigOptions } from '../adapters/config/load-config.js';
import { loadConfig } from '../adapters/config/load-config.js';
import { createLogger } from '../adapters/logging/create-logger.js';
import { toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import { productVersion } from './product-version.js';
import { createStopSignals } from './stop-signals.js';
import type { Product } from './start-product.js';
import type { StartProgress } from './start-progress.js';

export interface MainOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly flags: NonNullable<LoadConfigOptions['flags']>;
  readonly makeAdminKey: boolean;
  readonly progress: StartProgress;
  /** Told once everything runs. */
  readonly onReady: (product: Product) => void;
  /** Told when the stop begins. */
  readonly onStopping: () => void;
}

/**
 * Runs until a signal stops it.
 * @returns the exit code
 * @throws when it cannot start
 */
export async function main(options: MainOptions): Promise<number> {
  const config = loadConfig(options.env, { cwd: options.cwd, flags: options.flags });
  const logger = createLogger({ ...config.log, colors: options.env['NO_COLOR'] === undefined && process.stderr.isTTY });
  exitOnUncaught(logger);
  logger.debug({ config: describeConfig(config) }, 'configuration');
  const signals = createStopSignals(logger);
  // After the configuration: a problem there is told at once, not after a second of loading a server's modules.
  const { startProduct } = await import('./start-product.js');
  const version = productVersion();
  const product = await Promise.race([
    startProduct({ config, logger, progress: options.progress, makeAdminKey: options.makeAdminKey, version }),
    signals.first.then((): null => null),
  ]);
  // Stopped while starting: nothing has been accepted yet, and the children end with this process.
  if (product === null) return 0;
  options.onReady(product);
  logger.info({ api: product.apiUrl, temporalUi: product.temporalUiUrl, model: product.model.name, version }, 'ready');
  const end = await Promise.race([signals.first, product.failed.catch((error: unknown) => toError(error))]);
  options.onStopping();
  await product.stop();
  if (end instanceof Error) throw end;
  logger.info({ signal: end }, 'stopped');
  return 0;
}

/** A state nobody foresaw is not repaired by going on: what was accepted is finished by the next start. */
function exitOnUncaught(logger: Logger): void {
  const exit = (origin: string) => (thrown: unknown) => {
    logger.error({ err: toError(thrown), origin }, 'an error that nobody handled ends the process');
    process.exit(1);
  };
  process.on('uncaughtException', exit('uncaughtException'));
  process.on('unhandledRejection', exit('unhandledRejection'));
}
