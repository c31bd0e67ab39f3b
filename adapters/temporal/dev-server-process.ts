/** One run of the Temporal dev server: its command line, waiting until it answers, stopping it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '../../domain/failures.js';
import { SEARCH_ATTRIBUTES } from '../../domain/turn-contract.js';
import { answersOnPort } from './local-ports.js';
import { isAlive, ownsListener, processStartTime } from './process-identity.js';

export interface DevServerSettings {
  readonly binary: string;
  readonly databaseFile: string;
  readonly logFile: string;
  readonly namespace: string;
  readonly port: number;
  readonly uiPort: number;
  /** Where its UI sends payloads to be decoded. */
  readonly codecEndpoint?: string | undefined;
}

export interface DevServerProcess {
  readonly pid: number;
  readonly startTime: string | null;
  /** Resolves with how it ended: `exit 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
}

const POLL_MS = 20;
const CONNECT_TIMEOUT_MS = 500;
const LOG_MAX_BYTES = 10 * 1024 * 1024;
const LOG_TAIL_CHARS = 600;

/**
 * Stock, the server polls its queues 20 times a second and writes through a rollback journal: a hop of a turn waits up to
 * 50 ms and a turn writes 3 MB. A turn that a power cut takes from the relaxed journal is found by the sweeper.
 */
const TUNING = [
  '--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000',
  '--dynamic-config-value', 'history.timerProcessorMaxPollRPS=2000',
  '--sqlite-pragma', 'journal_mode=wal',
  '--sqlite-pragma', 'synchronous=normal',
  '--sqlite-pragma', 'busy_timeout=5000',
]; // prettier-ignore

export function devServerArguments(settings: DevServerSettings): string[] {
  return [
    'server', 'start-dev',
    '--ip', '127.0.0.1',
    '--port', String(settings.port),
    '--ui-port', String(settings.uiPort),
    '--ui-disable-news-fetch',
    ...(settings.codecEndpoint === undefined ? [] : ['--ui-codec-endpoint', settings.codecEndpoint]),
    '--db-filename', settings.databaseFile,
    '--namespace', settings.namespace,
    '--log-level', 'warn',
    '--log-format', 'json',
    ...TUNING,
    ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ]; // prettier-ignore
}

/**
 * Start the server in a session of its own: Ctrl-C in a terminal reaches the whole foreground group, and the server must
 * outlive the workers that drain. It gets no environment but PATH and HOME: it needs no secrets of ours.
 */
export async function spawnDevServer(
  settings: DevServerSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<DevServerProcess> {
  rotateLog(settings.logFile);
  const log = openSync(settings.logFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn(settings.binary, devServerArguments(settings), {
      stdio: ['ignore', log, log],
      detached: true,
      env: { PATH: env['PATH'], HOME: env['HOME'], TMPDIR: env['TMPDIR'] },
    });
  } finally {
    closeSync(log);
  }
  const pid = await spawned(child, settings.binary);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code === null ? `signal ${signal ?? 'unknown'}` : `exit ${code}`));
  });
  child.unref();
  guardAgainstOrphan(pid, ended);
  return { pid, startTime: await processStartTime(pid), ended };
}

function spawned(child: ChildProcess, binary: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', (error) =>
      reject(
        failure(
          'server.cannot-start',
          `${binary} cannot be run (${error.message}): delete it and start again to fetch a new copy.`,
          { cause: error },
        ),
      ),
    );
  });
}

/**
 * A shell that waits on a pipe of ours and ends the server when the pipe closes, which the system does however we die,
 * kill -9 included. When the server ends first, the shell is ended, so that it never signals a later process of that pid.
 */
function guardAgainstOrphan(pid: number, ended: Promise<string>): void {
  if (process.platform === 'win32') return;
  const guard = spawn('/bin/sh', ['-c', 'read -r _; kill -TERM "$0" 2>/dev/null', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: {},
  });
  guard.unref();
  // The pipe itself must not keep this process alive; its type hides that it is a socket.
  (guard.stdin as unknown as { unref(): void }).unref();
  guard.stdin.once('error', () => undefined); // EPIPE when the shell ended first: there is nothing left to guard.
  guard.once('error', () => undefined); // No /bin/sh: the pid file of the next start finds the orphan.
  void ended.then(() => guard.kill('SIGKILL'));
}

/**
 * Wait until the server accepts connections and prove that it is ours.
 * @throws `server.cannot-start` with the end of the server's log.
 */
export async function untilListening(
  server: DevServerProcess,
  settings: DevServerSettings,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const state: { ending: string | null } = { ending: null };
  void server.ended.then((how) => {
    state.ending = how;
  });
  while (Date.now() < deadline) {
    if (state.ending !== null)
      throw failure(
        'server.cannot-start',
        `The Temporal server ended while starting (${state.ending}). ${logTail(settings.logFile)}`,
      );
    if (
      (await answersOnPort(settings.port, CONNECT_TIMEOUT_MS)) &&
      (await answersOnPort(settings.uiPort, CONNECT_TIMEOUT_MS))
    ) {
      if ((await ownsListener(server.pid, settings.port)) === false) {
        throw failure(
          'server.cannot-start',
          `Port ${settings.port} is answered by another process than the Temporal server that was started on it: set TURNSTONE_TEMPORAL_PORT to a free port.`,
        );
      }
      return;
    }
    await sleep(POLL_MS);
  }
  throw failure(
    'server.cannot-start',
    `The Temporal server did not listen on 127.0.0.1:${settings.port} within ${Math.round(timeoutMs / 1000)} s. ${logTail(settings.logFile)}`,
  );
}

/** End a process: ask, wait, insist. Safe when it has ended already. @returns once it is gone. */
export async function stopProcess(pid: number, startTime: string | null, graceMs: number): Promise<void> {
  const isSame = async (): Promise<boolean> => isAlive(pid) && (await processStartTime(pid)) === startTime;
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!(await isSame())) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return; // It ended in the same moment.
      throw error;
    }
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline) {
      if (!(await isSame())) return;
      await sleep(POLL_MS);
    }
  }
}

export function logTail(file: string): string {
  try {
    const tail = readFileSync(file, 'utf8').slice(-LOG_TAIL_CHARS).trim();
    return tail === '' ? `Its log ${file} is empty.` : `The end of ${file}: ${tail}`;
  } catch {
    return `Its log ${file} cannot be read.`;
  }
}

function rotateLog(file: string): void {
  try {
    if (statSync(file).size > LOG_MAX_BYTES) renameSync(file, `${file}.1`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // First start: there is no log yet.
  }
}
