/** What was opened is closed in reverse, each part with a time limit, whatever the others do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';

export interface Closers {
  add(name: string, close: () => Promise<void>, timeoutMs?: number): void;
  /** Safe to repeat: the second call waits for the first. */
  closeAll(): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 10_000;

export function createClosers(logger: Logger): Closers {
  const entries: { readonly name: string; readonly close: () => Promise<void>; readonly timeoutMs: number }[] = [];
  let closing: Promise<void> | null = null;

  const closeOne = async ({ name, close, timeoutMs }: (typeof entries)[number]): Promise<void> => {
    const startedAt = performance.now();
    const over = new AbortController();
    const late = sleep(timeoutMs, 'late' as const, { signal: over.signal }).catch(() => 'late' as const); // Not late: aborted below.
    try {
      const outcome = await Promise.race([close(), late]);
      if (outcome === 'late') logger.warn({ part: name, timeoutMs }, 'a part did not stop in time');
      else logger.debug({ part: name, durationMs: Math.round(performance.now() - startedAt) }, 'stopped');
    } catch (error) {
      logger.warn({ part: name, err: toError(error) }, 'a part could not be stopped cleanly');
    } finally {
      over.abort();
    }
  };
  const closeEntries = async (): Promise<void> => {
    for (let entry = entries.pop(); entry !== undefined; entry = entries.pop()) await closeOne(entry);
  };
  return {
    add: (name, close, timeoutMs = CLOSE_TIMEOUT_MS) => {
      entries.push({ name, close, timeoutMs });
    },
    closeAll: () => (closing ??= closeEntries()),
  };
}
