/** An interpreter that waits in its jail for one job, and is gone with everything it made when the job is done. */
import { failure, toError } from '../../domain/failures.js';
import type { PythonJob, PythonResult } from '../../domain/ports/tool-runtime.js';
import { HARNESS_SCRIPT } from './bubblewrap.js';
import type { JobOutcome } from './control-channel.js';
import { readOutcome, readReady, writeJob } from './control-channel.js';
import { describeExit } from './exit-description.js';
import { distinctFilenames } from './filenames.js';
import { watchJail } from './jail-watchdog.js';
import type { JailedProcess, JailExit, JailSettings } from './jailed-process.js';
import { startJailedProcess } from './jailed-process.js';
import type { OutputCollector } from './output-collector.js';
import type { PythonLimits } from './python-limits.js';

/** The harness ends at once after its answer; a jail that lingers is killed. */
const EXIT_GRACE_MS = 1000;

export interface JailedPython {
  /** Resolves when the interpreter runs; rejects with what the jail said when it could not start. */
  readonly ready: Promise<void>;
  readonly closed: Promise<JailExit>;
  /** Once. Resolves after the jail is gone. */
  run(job: PythonJob): Promise<PythonResult>;
  kill(): void;
}

interface StopReason {
  readonly status: 'timeout' | 'killed' | 'cancelled';
  readonly note: string;
}
/** Stops the jail for the first reason that comes up. */
interface Stopper {
  readonly stop: (reason: StopReason) => void;
  readonly reason: () => StopReason | null;
}

function toResult(
  outcome: JobOutcome | null,
  stop: StopReason | null,
  exit: JailExit,
  output: OutputCollector,
): Omit<PythonResult, 'durationMs'> {
  const printed = { stdout: output.stdout(), truncated: output.truncated() };
  const errors = output.stderr();
  if (outcome === null) {
    const { status, note } = stop ?? { status: 'killed', note: describeExit(exit) };
    return { ...printed, status, stderr: `${errors}[${note}]\n`, files: [] };
  }
  const names = distinctFilenames(outcome.files.map((file) => file.name));
  return {
    ...printed,
    status: outcome.status,
    stderr: errors + outcome.traceback + outcome.notes.map((note) => `[${note}]\n`).join(''),
    files: outcome.files.map((file, index) => ({ filename: names[index] ?? 'file', content: file.content })),
  };
}

function createStopper(jail: JailedProcess): Stopper {
  let first: StopReason | null = null;
  return {
    reason: () => first,
    stop: (reason) => {
      first ??= reason;
      jail.kill();
    },
  };
}

/** Time, cancelling and the watchdog. @returns a function that ends the watch. */
function superviseJob(
  job: PythonJob,
  jail: JailedProcess,
  limits: PythonLimits,
  stopper: Stopper,
): () => Promise<void> {
  const onAbort = (): void => {
    stopper.stop({ status: 'cancelled', note: 'cancelled' });
  };
  const timer = setTimeout(() => {
    stopper.stop({ status: 'timeout', note: `stopped after ${job.timeoutMs} ms: the time limit of this run` });
  }, job.timeoutMs);
  if (job.signal.aborted) onAbort();
  job.signal.addEventListener('abort', onAbort, { once: true });
  const onExcess = (reason: string): void => {
    stopper.stop({ status: 'killed', note: `killed: the code ${reason}` });
  };
  const endWatch = jail.pid.then(
    (pid) => watchJail(pid, limits, onExcess),
    () => () => undefined, // it never started: there is nothing to watch
  );
  return async () => {
    clearTimeout(timer);
    job.signal.removeEventListener('abort', onAbort);
    (await endWatch)();
  };
}

/** @returns null when the interpreter ended without an answer or answered nonsense; its exit tells which. */
async function exchange(job: PythonJob, jail: JailedProcess, limits: PythonLimits): Promise<JobOutcome | null> {
  try {
    const names = distinctFilenames(job.files.map((file) => file.filename));
    const files = job.files.map((file, index) => ({ name: names[index] ?? 'file', content: file.content }));
    writeJob(jail.control, job.code, files);
    return await readOutcome(jail.control, limits);
  } catch {
    return null;
  }
}

async function runJob(
  job: PythonJob,
  jail: JailedProcess,
  ready: Promise<void>,
  limits: PythonLimits,
): Promise<PythonResult> {
  const begun = performance.now();
  const stopper = createStopper(jail);
  const endSupervision = superviseJob(job, jail, limits, stopper);
  const lingers = (): void => {
    stopper.stop({
      status: 'killed',
      note: 'killed: the interpreter gave no readable answer; the code may have written to its channel',
    });
  };
  try {
    const started = await ready.then(
      () => null,
      (error: unknown) => toError(error),
    );
    if (started !== null && stopper.reason() === null) {
      throw failure('tool.unavailable', `The Python jail did not start: ${started.message}`, { cause: started });
    }
    const outcome = started === null ? await exchange(job, jail, limits) : null;
    if (outcome !== null) jail.control.destroy();
    const lingering = setTimeout(lingers, EXIT_GRACE_MS);
    const exit = await jail.closed;
    clearTimeout(lingering);
    return { ...toResult(outcome, stopper.reason(), exit, jail.output), durationMs: performance.now() - begun };
  } finally {
    await endSupervision();
  }
}

export function startJailedPython(settings: JailSettings): JailedPython {
  const jail = startJailedProcess(settings, HARNESS_SCRIPT);
  const ready = Promise.all([readReady(jail.control), jail.pid]).then(
    () => undefined,
    async (error: unknown) => {
      jail.kill();
      const exit = await jail.closed;
      throw new Error(jail.output.stderr().trim() || `${toError(error).message} (${describeExit(exit)})`, {
        cause: error,
      });
    },
  );
  // Whoever uses the process awaits `ready`; one that is thrown away unused must not be an unhandled rejection.
  ready.catch(() => undefined);
  return { ready, closed: jail.closed, run: (job) => runJob(job, jail, ready, settings.limits), kill: jail.kill };
}
