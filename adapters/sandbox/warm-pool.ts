/** Interpreters that wait inside their jails. Each is used once: nothing of a job is left for the next one. */
import { toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { PythonJob, PythonResult } from '../../domain/ports/tool-runtime.js';
import type { JailSettings } from './jailed-process.js';
import type { JailedPython } from './jailed-python.js';
import { startJailedPython } from './jailed-python.js';

export interface WarmPool {
  run(job: PythonJob): Promise<PythonResult>;
  /** Kills everything, also running jobs; resolves when all processes are gone. */
  close(): Promise<void>;
}

export function createWarmPool({
  settings,
  size,
  logger,
}: {
  settings: JailSettings;
  size: number;
  logger: Logger;
}): WarmPool {
  const waiting = new Set<JailedPython>();
  const alive = new Set<JailedPython>();
  let closed = false;

  const start = (): JailedPython => {
    const python = startJailedPython(settings);
    alive.add(python);
    void python.closed.then(() => {
      alive.delete(python);
      // Died while waiting: the next job's refill replaces it, so that a broken jail is not restarted in a loop.
      if (waiting.delete(python) && !closed) logger.warn({}, 'a waiting Python interpreter ended unexpectedly');
    });
    return python;
  };

  const refill = (): void => {
    while (!closed && waiting.size < size) waiting.add(start());
  };

  const take = (): JailedPython => {
    const [python] = waiting;
    if (python === undefined) return start();
    waiting.delete(python);
    return python;
  };

  const run = async (job: PythonJob): Promise<PythonResult> => {
    const python = take();
    try {
      return await python.run(job);
    } finally {
      // After the job and not before: filling the pool takes CPU time the job wants.
      refill();
    }
  };

  const close = async (): Promise<void> => {
    closed = true;
    const all = [...alive];
    for (const python of all) python.kill();
    await Promise.all(all.map((python) => python.closed));
  };

  try {
    refill();
  } catch (error) {
    logger.warn({ err: toError(error) }, 'the pool of Python interpreters could not be filled');
  }
  return { run, close };
}
