/**
 * Crash points: places where a fault test can make this process die, as the power, the kernel or an operator would do it.
 * Ports are decorated as a whole, so that a method somebody adds to one has its two points without being told so here.
 * Nothing of this exists in a process that was started without a crash setting.
 */
import { appendFileSync, readFileSync } from 'node:fs';

export interface CrashPointOptions {
  /** `point`, `point#n`, or `@file` with that text; null: none. */
  readonly at: string | null;
  readonly traceFile: string | null;
  /** Ends the process and does not return; a test of this file puts something else there. */
  readonly die?: (point: string) => void;
}

export interface CrashPoints {
  /** Says that the process is at this point; does not return when it was to die here. */
  reach(point: string): void;
  /** Makes a point known before anybody reaches it, so that a test can tell which ones it never met. */
  know(...points: readonly string[]): void;
  /** The same port with the points `<part>.<method>.before` and `.after` around everything that changes something. */
  decorate<T extends object>(part: string, port: T): T;
}

/**
 * What only looks. Everything else counts as a change: a method that is missing here has two points too many, which
 * costs a test run some seconds; one that was wrongly left out would never be crashed.
 */
const READS =
  /^(get|list|find|has|is[A-Z]|read|load|describe|ping|state|progress|health|resolve|output|items?|inputItems|fullResult|export|of[A-Z]\w*|callsOf|onCancel|close|status|unavailable|applying|openTurns|verify)/;

export function createCrashPoints(options: CrashPointOptions): CrashPoints {
  const isDue = createTrigger(options.at);
  const trace = (line: string): void => {
    if (options.traceFile !== null) appendFileSync(options.traceFile, `${line}\n`);
  };
  const reach = (point: string): void => {
    trace(`reached ${point}`);
    if (isDue(point)) (options.die ?? killThisProcess)(point);
  };
  const know = (...points: readonly string[]): void => {
    for (const point of points) trace(`known ${point}`);
  };
  return {
    reach,
    know,
    decorate(part, port) {
      const changes = Object.entries(port).filter(([name, value]) => typeof value === 'function' && !READS.test(name));
      for (const [name] of changes) know(`${part}.${name}.before`, `${part}.${name}.after`);
      const around = new Map(changes.map(([name, method]) => [name, surround(`${part}.${name}`, method as Method)]));
      return new Proxy(port, {
        get: (target, name): unknown =>
          (typeof name === 'string' ? around.get(name) : undefined) ?? Reflect.get(target, name),
      });
    },
  };

  function surround(point: string, method: Method): Method {
    return (...args) => {
      reach(`${point}.before`);
      const outcome = method(...args);
      if (!(outcome instanceof Promise)) {
        reach(`${point}.after`);
        return outcome;
      }
      return outcome.then((value: unknown) => {
        reach(`${point}.after`);
        return value;
      });
    };
  }
}

type Method = (...args: readonly unknown[]) => unknown;

/** Counts how often the wanted point was reached since it was wanted. */
function createTrigger(at: string | null): (point: string) => boolean {
  let wanted = '';
  let reached = 0;
  return (point) => {
    const now = at?.startsWith('@') === true ? contentOf(at.slice(1)) : (at ?? '');
    if (now !== wanted) {
      wanted = now;
      reached = 0;
    }
    const [name = '', nth = '1'] = wanted.split('#');
    if (name !== point) return false;
    reached += 1;
    return reached === Number(nth);
  };
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Not there: nothing is wanted yet.
    return '';
  }
}

/** Nothing is flushed, closed or told. The signal may need a moment to arrive, in which this thread must do nothing. */
function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
