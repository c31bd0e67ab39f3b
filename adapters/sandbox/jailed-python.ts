/** One interpreter in one jail: started ahead of time, used for one job, then gone with everything it made. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { z } from 'zod';
import { toError } from '../../domain/failures.js';
import type { PythonJob, PythonResult } from '../../domain/ports/tool-runtime.js';
import type { JailView } from './bubblewrap.js';
import { CONTROL_FD, HARNESS_SCRIPT, INFO_FD, jailArguments, PACKAGES_INSIDE, SECCOMP_FD } from './bubblewrap.js';
import type { JobOutcome } from './control-channel.js';
import { readOutcome, readReady, writeJob } from './control-channel.js';
import { describeExit } from './exit-description.js';
import { distinctFilenames } from './filenames.js';
import { watchJail } from './jail-watchdog.js';
import type { OutputCollector } from './output-collector.js';
import { collectOutput } from './output-collector.js';
import type { PythonLimits } from './python-limits.js';
import { HEAVY_MODULES } from './python-packages.js';

/** The harness ends at once after its answer; a jail that lingers is killed. */
const EXIT_GRACE_MS = 1000;

export interface JailSettings {
  readonly bwrapPath: string;
  readonly seccompFilter: Buffer;
  readonly limits: PythonLimits;
  readonly view: JailView;
}

export interface JailExit { readonly code: number | null; readonly signal: string | null }

export interface JailedPython {
  /** Resolves when the interpreter runs; rejects with what the jail said when it could not start. */
  readonly ready: Promise<void>;
  readonly closed: Promise<JailExit>;
  /** Once. Resolves after the jail is gone. */
  run(job: PythonJob): Promise<PythonResult>;
  kill(): void;
}

type StopReason = { readonly status: 'timeout' | 'killed' | 'cancelled'; readonly note: string };

const infoSchema = z.object({ 'child-pid': z.int().positive() });

function startProcess({ bwrapPath, limits, view }: JailSettings, script: string): ChildProcess {
  const parameter = JSON.stringify({
    ...limits,
    packages: view.packagesDir === null ? null : PACKAGES_INSIDE,
    warmModules: view.packagesDir === null ? [] : HEAVY_MODULES,
  });
  // An empty environment: nothing of the server's own is there to be found.
  return spawn(bwrapPath, jailArguments(view, script, parameter), {
    env: {},
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
}

/** bwrap tells the host's process id of the interpreter, in JSON, before it starts it. */
async function readPid(info: Readable): Promise<number> {
  let text = '';
  for await (const chunk of info) text += String(chunk);
  return infoSchema.parse(JSON.parse(text))['child-pid'];
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already, which is what was wanted.
  }
}

/** Resolves after the process ended and its output is read. 'close' would also wait for channels that nobody reads to the end. */
async function awaitExit(child: ChildProcess, outputs: readonly Readable[]): Promise<JailExit> {
  const exit = await new Promise<JailExit>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
    child.once('error', () => {
      resolve({ code: null, signal: null });
    });
  });
  await Promise.all(outputs.map((stream) => finished(stream, { writable: false }).catch(() => undefined))); // cut is an end too
  return exit;
}

function toResult(outcome: JobOutcome | null, stop: StopReason | null, exit: JailExit, output: OutputCollector): Omit<PythonResult, 'durationMs'> {
  const printed = { stdout: output.stdout(), truncated: output.truncated() };
  const errors = output.stderr();
  if (stop !== null) return { ...printed, status: stop.status, stderr: `${errors}[${stop.note}]\n`, files: [] };
  if (outcome === null) return { ...printed, status: 'killed', stderr: `${errors}[${describeExit(exit)}]\n`, files: [] };
  const names = distinctFilenames(outcome.files.map((file) => file.name));
  return {
    ...printed,
    status: outcome.status,
    stderr: errors + outcome.traceback + outcome.notes.map((note) => `[${note}]\n`).join(''),
    files: outcome.files.map((file, index) => ({ filename: names[index] ?? 'file', content: file.content })),
  };
}

export function startJailedPython(settings: JailSettings, script: string = HARNESS_SCRIPT): JailedPython {
  const { limits } = settings;
  const child = startProcess(settings, script);
  const stdio = child.stdio as unknown as [null, Readable, Readable, Duplex, Writable, Readable];
  const control = stdio[CONTROL_FD];
  const output = collectOutput(stdio[1], stdio[2], limits.outputBytes);
  // A jail that dies breaks its pipes; its exit says more than the broken pipe.
  for (const stream of [control, stdio[SECCOMP_FD], stdio[INFO_FD]]) stream.on('error', () => undefined);
  stdio[SECCOMP_FD].end(settings.seccompFilter);
  const closed = awaitExit(child, [stdio[1], stdio[2]]);
  let inner: number | null = null;
  const pid = readPid(stdio[INFO_FD]).then((number) => (inner = number));
  pid.catch(() => undefined); // `ready` reports it
  const kill = (): void => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // The interpreter is process 1 of its namespace: everything else inside dies with it.
    if (inner !== null) killProcess(inner);
    child.kill('SIGKILL');
    control.destroy();
  };
  const ready = Promise.all([readReady(control), pid]).then(
    () => undefined,
    async (error: unknown) => {
      kill();
      const exit = await closed;
      throw new Error(output.stderr().trim() || `${toError(error).message} (${describeExit(exit)})`, { cause: error });
    },
  );
  // Whoever uses the process awaits `ready`; one that is thrown away unused must not be an unhandled rejection.
  ready.catch(() => undefined);

  const awaitOutcome = async (job: PythonJob): Promise<JobOutcome | null> => {
    try {
      await ready;
      const names = distinctFilenames(job.files.map((file) => file.filename));
      writeJob(control, job.code, job.files.map((file, index) => ({ name: names[index] ?? 'file', content: file.content })));
      return await readOutcome(control, limits);
    } catch {
      // Ended, or answered nonsense: to the caller both are an interpreter without a result; the exit tells which.
      return null;
    }
  };

  const run = async (job: PythonJob): Promise<PythonResult> => {
    const started = performance.now();
    let stop: StopReason | null = null;
    const stopNow = (reason: StopReason): void => {
      stop ??= reason;
      kill();
    };
    const onAbort = (): void => {
      stopNow({ status: 'cancelled', note: 'cancelled' });
    };
    const timer = setTimeout(() => {
      stopNow({ status: 'timeout', note: `stopped after ${job.timeoutMs} ms: the time limit of this run` });
    }, job.timeoutMs);
    if (job.signal.aborted) onAbort();
    job.signal.addEventListener('abort', onAbort, { once: true });
    const excess = (reason: string): void => {
      stopNow({ status: 'killed', note: `killed: the code ${reason}` });
    };
    const endWatch = pid.then(
      (number) => watchJail(number, limits, excess),
      () => () => undefined,
    );
    try {
      const outcome = await awaitOutcome(job);
      if (outcome !== null) control.destroy();
      const lingering = setTimeout(() => {
        stopNow({ status: 'killed', note: 'killed: the interpreter gave no readable answer; the code may have written to its channel' });
      }, EXIT_GRACE_MS);
      const exit = await closed;
      clearTimeout(lingering);
      return { ...toResult(outcome, outcome === null ? stop : null, exit, output), durationMs: performance.now() - started };
    } finally {
      clearTimeout(timer);
      job.signal.removeEventListener('abort', onAbort);
      (await endWatch)();
    }
  };
  return { ready, closed, run, kill };
}
