/**
 * Who gets the next free connection. The embedded database has one, and when a thousand turns end in the same moment, a
 * thousand commits would stand before the page somebody else has asked for. Lanes take turns: who waits in a short one waits
 * for as many others as there are lanes, not for the longest lane.
 */
import { failure } from '../../domain/failures.js';

/**
 * `read`: somebody looks, or proves who they are; `work`: everything else. New turns stand in one line with what running ones
 * write: if they went first, more would be begun than can be ended, and each would take longer.
 */
export type Lane = 'read' | 'work';
const LANES: readonly Lane[] = ['read', 'work'];

export interface FairLanes {
  /** Runs `work` when a slot is free and it is this lane's turn. @throws `store.unavailable` when that takes too long. */
  run<T>(lane: Lane, work: () => Promise<T>): Promise<T>;
}

interface Waiting {
  readonly begin: () => void;
}

/** @param size how many may run at once: the connections of the pool. */
export function createFairLanes(size: number, timeoutMs: number): FairLanes {
  const queues: Record<Lane, Set<Waiting>> = { read: new Set(), work: new Set() };
  let free = size;
  let lastServed = 0;

  const next = (): void => {
    for (let step = 1; step <= LANES.length; step += 1) {
      const at = (lastServed + step) % LANES.length;
      const queue = queues[LANES[at] ?? 'work'];
      const [first] = queue;
      if (first === undefined) continue;
      lastServed = at;
      queue.delete(first);
      first.begin();
      return;
    }
    free += 1;
  };
  const slot = (lane: Lane): Promise<void> =>
    new Promise((resolve, reject) => {
      const waiting: Waiting = {
        begin: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        queues[lane].delete(waiting);
        reject(
          failure(
            'store.unavailable',
            `the database has had no free connection for ${Math.round(timeoutMs / 1000)} s; try again, and look for what keeps it busy when this lasts`,
          ),
        );
      }, timeoutMs);
      queues[lane].add(waiting);
    });
  return {
    async run(lane, work) {
      if (free > 0) free -= 1;
      else await slot(lane);
      try {
        return await work();
      } finally {
        next();
      }
    },
  };
}
