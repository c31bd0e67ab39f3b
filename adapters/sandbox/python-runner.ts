/** Python for tools: untrusted code in bubblewrap jails, from a pool of interpreters that are started ahead of time. */
import { failure, toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { PythonJob, PythonResult, PythonRunner } from '../../domain/ports/tool-runtime.js';
import type { JailView } from './bubblewrap.js';
import { BWRAP_REMEDY, findBubblewrap } from './bubblewrap.js';
import { createJobQueue } from './job-queue.js';
import type { JailSettings } from './jailed-process.js';
import { probeJail, warmFontList } from './jail-probe.js';
import { prepareEnvironment } from './python-environment.js';
import { findInterpreter } from './python-interpreter.js';
import type { PythonLimits } from './python-limits.js';
import { DEFAULT_PYTHON_LIMITS } from './python-limits.js';
import { createWarmPool } from './warm-pool.js';
import type { WarmPool } from './warm-pool.js';
import { createSeccompFilter, isFilteredArchitecture } from './seccomp-filter.js';

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
interface Runtime { readonly pool: WarmPool; readonly status: Status }

async function openJail(options: PythonRunnerOptions, limits: PythonLimits): Promise<JailSettings> {
  if (process.platform !== 'linux') throw new Error(`Python code runs on Linux servers only, this is ${process.platform}: run the server in a Linux container or machine`);
  if (!isFilteredArchitecture(process.arch)) throw new Error(`Python code runs on x64 and arm64 only, this is ${process.arch}`);
  const bwrapPath = options.bwrapPath ?? (await findBubblewrap());
  if (bwrapPath === null) throw new Error(`bubblewrap was not found: ${BWRAP_REMEDY}`);
  const interpreter = await findInterpreter(options.pythonPath);
  if (typeof interpreter === 'string') throw new Error(interpreter);
  const view: JailView = { interpreter, packagesDir: null, diskBytes: limits.diskBytes };
  const settings: JailSettings = { bwrapPath, limits, view, seccompFilter: createSeccompFilter(process.arch) };
  await probeJail(settings).catch((error: unknown) => {
    throw new Error(`the jail does not start (${toError(error).message}): ${BWRAP_REMEDY}`, { cause: error });
  });
  return settings;
}

/**
 * Starts preparing at once, in the background. Code never runs outside the jail: where bubblewrap does not work the runner is
 * `unavailable` and says what to do. Until packages are installed (or when they cannot be) code has the standard library.
 */
export function createPythonRunner(options: PythonRunnerOptions): PythonRunner {
  const limits: PythonLimits = { ...DEFAULT_PYTHON_LIMITS, ...options.limits };
  const logger = options.logger.child({ part: 'python' });
  const closing = new AbortController();
  const queue = createJobQueue(limits.concurrentJobs, limits.waitingJobs);
  let status: Status = { state: 'preparing', backend: 'bubblewrap', detail: 'starting' };
  let plain: WarmPool | null = null;

  const open = async (): Promise<Runtime> => {
    const settings = await openJail(options, limits);
    const { fullVersion } = settings.view.interpreter;
    plain = createWarmPool({ settings, size: 0, logger });
    status = { state: 'preparing', backend: 'bubblewrap', detail: `Python ${fullVersion}: numpy, pandas and matplotlib are being installed` };
    const environment =
      options.packages?.length === 0
        ? { packagesDir: null, detail: 'standard library only, as configured' }
        : await prepareEnvironment({
            dataDir: options.dataDir,
            interpreter: settings.view.interpreter,
            logger,
            signal: closing.signal,
            finish: (packagesDir) => warmFontList(settings, packagesDir),
            ...(options.packages === undefined ? {} : { packages: options.packages }),
          });
    const view = { ...settings.view, packagesDir: environment.packagesDir };
    const pool = createWarmPool({ settings: { ...settings, view }, size: closing.signal.aborted ? 0 : options.poolSize, logger });
    status = { state: 'ready', backend: 'bubblewrap', detail: `Python ${fullVersion}; ${environment.detail}` };
    logger.info({ detail: status.detail }, 'Python is ready');
    return { pool, status };
  };

  const opened: Promise<Runtime | null> = open().catch((error: unknown) => {
    status = { state: 'unavailable', backend: 'bubblewrap', detail: toError(error).message };
    logger.warn({ detail: status.detail }, 'Python code cannot be run on this server');
    return null;
  });

  const findPool = async (signal: AbortSignal): Promise<WarmPool | null> => {
    const runtime = await waitFor(opened, options.prepareWaitMs ?? PREPARE_WAIT_MS, signal);
    if (runtime === null) throw failure('tool.unavailable', `Python code cannot be run on this server: ${status.detail}`);
    return runtime === 'late' ? plain : runtime.pool;
  };

  const run = async (job: PythonJob): Promise<PythonResult> => {
    checkInputs(job, limits);
    if (closing.signal.aborted) throw failure('tool.unavailable', 'Python code cannot be run: the server is shutting down');
    const signal = AbortSignal.any([job.signal, closing.signal]);
    return queue.run(signal, async () => {
      const pool = await findPool(signal);
      if (pool === null) throw failure('tool.unavailable', 'Python code cannot be run yet: the jail is still being tested; try again in a minute');
      return pool.run({ ...job, signal, timeoutMs: Math.min(job.timeoutMs, limits.maxTimeoutMs) });
    }).catch((error: unknown) => {
      if (signal.aborted) return cancelledResult();
      throw error;
    });
  };

  const close = async (): Promise<void> => {
    closing.abort();
    const runtime = await opened;
    await Promise.all([runtime?.pool.close(), plain?.close()]);
    await queue.idle();
  };

  return { status: () => status, run, close };
}

function cancelledResult(): PythonResult {
  return { status: 'cancelled', stdout: '', stderr: '[cancelled]\n', truncated: false, files: [], durationMs: 0 };
}

/** @returns 'late' when it takes longer than `waitMs`; rejects when aborted. */
function waitFor<T>(promise: Promise<T>, waitMs: number, signal: AbortSignal): Promise<T | 'late'> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      finish();
      resolve('late');
    }, waitMs);
    const onAbort = (): void => {
      finish();
      reject(toError(signal.reason));
    };
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(finish);
  });
}

function checkInputs({ files }: PythonJob, limits: PythonLimits): void {
  const total = files.reduce((sum, file) => sum + file.content.byteLength, 0);
  if (files.length > limits.inputFiles || total > limits.inputFileBytes) {
    const allowed = `${limits.inputFiles} files of ${limits.inputFileBytes} bytes together`;
    throw failure('tool.failed', `The code was not run: ${files.length} files of ${total} bytes are too much for the work folder; at most ${allowed}`);
  }
}
