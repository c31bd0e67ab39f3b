/** SIGINT and SIGTERM: the first asks for an orderly stop, a later one ends the process at once. */
import type { Logger } from '../domain/ports/logger.js';

export interface StopSignals {
  /** Resolves with the first signal's name. */
  readonly first: Promise<NodeJS.Signals>;
}

/**
 * Ctrl-C reaches the whole foreground group, and `npm start` passes it on a second time: what follows this closely is the
 * same wish, not impatience.
 */
const SAME_WISH_MS = 750;
const FORCED_EXIT_CODE = 130;

export function createStopSignals(logger: Logger): StopSignals {
  let firstAt: number | null = null;
  const first = new Promise<NodeJS.Signals>((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      if (firstAt === null) {
        firstAt = Date.now();
        resolve(signal);
      } else if (Date.now() - firstAt > SAME_WISH_MS) {
        logger.warn({ signal }, 'stopped at once by a second signal; what was running is finished by the next start');
        process.exit(FORCED_EXIT_CODE);
      }
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
  return { first };
}
