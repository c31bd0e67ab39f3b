/**
 * Runs actors one call at a time: every call an actor makes to the outside waits at a gate until the schedule lets it through. An
 * actor that is stopped never comes through another gate, as a process that was killed.
 */
import { toError } from '../../domain/failures.js';

export interface Actor {
  readonly name: string;
  stopped: boolean;
}

interface Waiting {
  readonly actor: Actor;
  readonly pass: () => Promise<void>;
}

export interface VirtualScheduler {
  gate<T>(actor: Actor, work: () => Promise<T>): Promise<T>;
  /** Gates at which somebody waits. */
  waiting(): number;
  /** Lets the call at this place through and runs everything that follows from it up to the next gates. */
  pass(place: number): Promise<void>;
}

/** Asked again after a wait: another actor may have stopped it meanwhile. */
const isAlive = (actor: Actor): boolean => !actor.stopped;

/** Promise jobs that follow from one call; more than the deepest chain of awaits between two gates. */
const SETTLE_TICKS = 60;

export function createVirtualScheduler(): VirtualScheduler {
  const queue: Waiting[] = [];
  return {
    gate: (actor, work) =>
      new Promise((resolve, reject) => {
        if (actor.stopped) return;
        queue.push({
          actor,
          async pass() {
            if (actor.stopped) return;
            try {
              const result = await work();
              // Stopped while the call was under way: its effect stands, its answer reaches nobody.
              if (isAlive(actor)) resolve(result);
            } catch (error) {
              if (isAlive(actor)) reject(toError(error));
            }
          },
        });
      }),
    waiting: () => queue.length,
    async pass(place) {
      const [next] = queue.splice(place, 1);
      await next?.pass();
      for (let tick = 0; tick < SETTLE_TICKS; tick += 1) await Promise.resolve();
    },
  };
}

/** A port whose asynchronous methods wait at the actor's gate; `direct` methods are passed on as they are. */
export function gatedPort<Port extends object>(
  scheduler: VirtualScheduler,
  actor: Actor,
  port: Port,
  direct: ReadonlySet<string> = new Set(),
): Port {
  const gated = Object.entries(port).map(([name, method]: readonly [string, unknown]) => {
    if (typeof method !== 'function' || direct.has(name)) return [name, method];
    const call = method as (...args: unknown[]) => Promise<unknown>;
    return [name, (...args: unknown[]) => scheduler.gate(actor, () => call(...args))];
  });
  return Object.fromEntries(gated) as Port;
}
