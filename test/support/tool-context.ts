/** What tests of tools need beside the SDK's own test kit: web answers and Python results with valid defaults. */
import type { EgressResponse, PythonJob, PythonResult, PythonRunner } from '../../domain/ports/tool-runtime.js';

export function webAnswer(body: string | Uint8Array, changes: Partial<EgressResponse> = {}): EgressResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: typeof body === 'string' ? Buffer.from(body) : body,
    url: 'https://example.com/page',
    ...changes,
  };
}

export function pythonResult(changes: Partial<PythonResult> = {}): PythonResult {
  return { status: 'completed', stdout: '', stderr: '', truncated: false, files: [], durationMs: 12, ...changes };
}

/** A runner that answers with `result` and keeps the jobs it was given. */
export function fakePython(
  result: Partial<PythonResult> = {},
  state: 'ready' | 'preparing' | 'unavailable' = 'ready',
): PythonRunner & { jobs: PythonJob[] } {
  const jobs: PythonJob[] = [];
  return {
    jobs,
    status: () => ({ state, backend: 'fake', detail: `it is ${state}` }),
    run: (job) => {
      jobs.push(job);
      return Promise.resolve(pythonResult(result));
    },
    close: () => Promise.resolve(),
  };
}
