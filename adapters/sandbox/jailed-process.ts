/** One jail with one interpreter in it: starting it, its channels, its end. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { z } from 'zod';
import type { JailView } from './bubblewrap.js';
import { CONTROL_FD, INFO_FD, jailArguments, PACKAGES_INSIDE, SECCOMP_FD } from './bubblewrap.js';
import type { OutputCollector } from './output-collector.js';
import { collectOutput } from './output-collector.js';
import type { PythonLimits } from './python-limits.js';
import { HEAVY_MODULES } from './python-packages.js';

export interface JailSettings {
  readonly bwrapPath: string;
  readonly seccompFilter: Buffer;
  readonly limits: PythonLimits;
  readonly view: JailView;
}

export interface JailExit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface JailedProcess {
  readonly control: Duplex;
  readonly output: OutputCollector;
  /** The interpreter's process id on the host; rejects when the jail could not start. */
  readonly pid: Promise<number>;
  /** Resolves when the process is gone and its output is read; never rejects. */
  readonly closed: Promise<JailExit>;
  kill(): void;
}

const infoSchema = z.object({ 'child-pid': z.int().positive() });

function spawnJail({ bwrapPath, limits, view }: JailSettings, script: string): ChildProcess {
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

/** 'close' would also wait for channels that nobody reads to the end. */
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

export function startJailedProcess(settings: JailSettings, script: string): JailedProcess {
  const child = spawnJail(settings, script);
  const stdio = child.stdio as unknown as [null, Readable, Readable, Duplex, Writable, Readable];
  const control = stdio[CONTROL_FD];
  const output = collectOutput(stdio[1], stdio[2], settings.limits.outputBytes);
  // A jail that dies breaks its pipes; its exit says more than the broken pipe.
  for (const stream of [control, stdio[SECCOMP_FD], stdio[INFO_FD]]) stream.on('error', () => undefined);
  stdio[SECCOMP_FD].end(settings.seccompFilter);
  const closed = awaitExit(child, [stdio[1], stdio[2]]);
  const pid = readPid(stdio[INFO_FD]);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const kill = (): void => {
    // The interpreter and not bwrap: it is process 1 of its namespace, so everything inside dies with it, and bwrap stays to
    // reap it. bwrap killed in its first milliseconds would even leave its child behind, waiting for ever.
    const killInner = (inner: number): void => {
      if (!isOver()) killProcess(inner);
    };
    pid.then(killInner, () => child.kill('SIGKILL'));
    control.destroy();
  };
  return { control, output, pid, closed, kill };
}
