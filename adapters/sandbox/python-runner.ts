/** Python for tools: untrusted code in bubblewrap jails, from a pool of interpreters that are started ahead of time. */
import { failure, toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { PythonJob, PythonResult, PythonRunner } from '../../domain/ports/tool-runtime.js';
import { createJobQueue } from './job-queue.js';
import type { Runtime } from './open-runtime.js';
import { openRuntime } from './open-runtime.js';
import type { PythonLimits } from './python-limits.js';
import { DEFAULT_PYTHON_LIMITS } from './python-limits.js';
import type { WarmPool } from './warm-pool.js';

/** A job waits this long for the environment, then runs with the standard library: slow lines must not block plain code. */
const PREPARE_WAIT_MS = 60_000;

export interface PythonRunnerOptions {
  /** The package folder is built below it. */
  readonly dataDir: string;
  /** Interpreters kept ready; each takes about 100 MB while it waits. */
  readonly poolSize: number;
  readonly limits?: Partial<PythonLimits>;
  readonly logger: Logger;
  /** Default: the first usable Python of this machine. */
  readonly pythonPath?: string;
  /** Default: found in the usual places. */
  readonly bwrapPath?: string;
  /** Default: the pinned set. An empty list: the standard library alone, nothing is installed. */
  readonly packages?: readonly string[];
  readonly prepareWaitMs?: number;
}

type Status = ReturnType<PythonRunner['status']>;

const statusOf = (state: Status['state'], detail: string): Status => ({ state, backend: 'bubblewrap', detail });

/**
 * Starts preparing at once, in the background. Code never runs outside the jail: where bubblewrap does not work the runner is
 * `unavailable` and says what to do. Until packages are installed (or when they cannot be) code has the standard library.
 */
export function createPythonRunner(options: PythonRunnerOptions): PythonRunner {
  const limits: PythonLimits = { ...DEFAULT_PYTHON_LIMITS, ...options.limits };
  const logger = options.logger.child({ part: 'python' });
  const closing = new AbortController();
  const queue = createJobQueue(limits.concurrentJobs, limits.waitingJobs);
  let status = statusOf('preparing', 'starting');
  let plain: WarmPool | null = null;

  const onPlain = (pool: WarmPool, detail: string): void => {
    plain = pool;
    status = statusOf('preparing', detail);
  };
  const opened = openRuntime({ ...options, limits, logger, signal: closing.signal, onPlain }).then(
    (runtime): Runtime => {
      status = statusOf('ready', runtime.detail);
      logger.info({ detail: runtime.detail }, 'Python is ready');
      return runtime;
    },
    (error: unknown) => {
      status = statusOf('unavailable', toError(error).message);
      logger.warn({ detail: status.detail }, 'Python code cannot be run on this server');
      return null;
    },
  );

  const findPool = async (signal: AbortSignal): Promise<WarmPool> => {
    const runtime = await waitFor(opened, options.prepareWaitMs ?? PREPARE_WAIT_MS, signal);
    if (runtime === null) throw unavailable(`Python code cannot be run on this server: ${status.detail}`);
    const pool = runtime === 'late' ? plain : runtime.pool;
    if (pool === null)
      throw unavailable('Python code cannot be run yet: the jail is still being tested; try again in a minute');
    return pool;
  };

  const run = async (job: PythonJob): Promise<PythonResult> => {
    checkInputs(job, limits);
    if (closing.signal.aborted) throw unavailable('Python code cannot be run: the server is shutting down');
    const signal = AbortSignal.any([job.signal, closing.signal]);
    const timeoutMs = Math.min(job.timeoutMs, limits.maxTimeoutMs);
    try {
      return await queue.run(signal, async () => (await findPool(signal)).run({ ...job, signal, timeoutMs }));
    } catch (error) {
      if (signal.aborted) return cancelledResult();
      throw error;
    }
  };

  const close = async (): Promise<void> => {
    closing.abort();
    const runtime = await opened;
    await Promise.all([runtime?.pool.close(), plain?.close()]);
    await queue.idle();
  };

  return { status: () => status, run, close };
}

function unavailable(message: string): Error {
  return failure('tool.unavailable', message);
}

function cancelledResult(): PythonResult {
  return { status: 'cancelled', stdout: '', stderr: '[cancelled]\n', truncated: false, files: [], durationMs: 0 };
}

/** @returns 'late' when it takes longer than `waitMs`; rejects when aborted. */
function waitFor<T>(promise: Promise<T>, waitMs: number, signal: AbortSignal): Promise<T | 'late'> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, waitMs, 'late');
    const onAbort = (): void => {
      reject(toError(signal.reason));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    promise.then(resolve, reject).finally(finish);
  });
}

function checkInputs({ files }: PythonJob, limits: PythonLimits): void {
  const total = files.reduce((sum, file) => sum + file.content.byteLength, 0);
  if (files.length > limits.inputFiles || total > limits.inputFileBytes) {
    const allowed = `${limits.inputFiles} files of ${limits.inputFileBytes} bytes together`;
    const given = `${files.length} files of ${total} bytes`;
    throw failure('tool.failed', `The code was not run: ${given} are too much for the work folder; at most ${allowed}`);
  }
}
