/** Bounds how many jobs run at once and how many wait. */
import { failure, toError } from '../../domain/failures.js';

export interface JobQueue {
  /** @throws `tool.unavailable` when too many wait already; the signal's reason when aborted in line; what `work` throws. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void>;
}

export function createJobQueue(concurrent: number, waitingLimit: number): JobQueue {
  const waiting: (() => void)[] = [];
  const idlers: (() => void)[] = [];
  let running = 0;

  const leave = (): void => {
    running -= 1;
    waiting.shift()?.();
    if (running === 0 && waiting.length === 0) for (const idler of idlers.splice(0)) idler();
  };

  const enter = async (signal: AbortSignal): Promise<void> => {
    if (running >= concurrent) {
      if (waiting.length >= waitingLimit) {
        throw failure(
          'tool.unavailable',
          `Python code cannot be run now: ${waiting.length} jobs wait already; try again in a moment`,
        );
      }
      await new Promise<void>((resolve, reject) => {
        const admit = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(admit), 1);
          reject(toError(signal.reason));
        };
        waiting.push(admit);
        signal.addEventListener('abort', onAbort, { once: true });
        if (signal.aborted) onAbort();
      });
    }
    running += 1;
  };

  return {
    run: async (signal, work) => {
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    idle: () =>
      running === 0 && waiting.length === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve)),
  };
}
