/**
 * A Python runner that begins its work after the server is ready: installing its packages would take the processors from
 * the start. The first job starts it at once.
 */
import { failure } from '../domain/failures.js';
import type { PythonRunner } from '../domain/ports/tool-runtime.js';

export interface DeferredPython extends PythonRunner {
  begin(): void;
}

export function createDeferredPython(create: () => PythonRunner): DeferredPython {
  let runner: PythonRunner | null = null;
  let closed = false;
  const started = (): PythonRunner => (runner ??= create());
  return {
    begin: () => {
      if (!closed) started();
    },
    status: () =>
      runner?.status() ?? { state: 'preparing', backend: 'bubblewrap', detail: 'begins after the server is ready' },
    run: async (job) => {
      if (closed)
        throw failure(
          'tool.unavailable',
          'Python is not available: the server is stopping. Try again after its restart.',
        );
      return started().run(job);
    },
    close: async () => {
      closed = true;
      await runner?.close();
    },
  };
}

/** Stands in where the operator has switched Python off. */
export function createDisabledPython(): DeferredPython {
  const detail = 'Python is switched off on this server (python.enabled, TURNSTONE_PYTHON).';
  return {
    begin: () => undefined,
    status: () => ({ state: 'unavailable', backend: 'none', detail }),
    run: async () => {
      throw failure('tool.unavailable', detail);
    },
    close: async () => undefined,
  };
}
