/** The embedded Temporal: a dev server as a child process with a file database, started tuned, watched, and restarted. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { DevServerProcess, DevServerSettings } from './dev-server-process.js';
import { logTail, spawnDevServer, stopProcess, untilListening } from './dev-server-process.js';
import { choosePort, readRecord, stopLeftover, writeRecord } from './dev-server-record.js';
import { isPortFree } from './local-ports.js';
import { trimVisibility } from './trim-visibility.js';

export interface StartDevServerOptions {
  readonly binary: string;
  /** Holds the database, the log and the record of the process. The caller has locked it. */
  readonly dataDir: string;
  readonly namespace: string;
  /** 0: the port of last time when it is free, else any free one. */
  readonly port: number;
  readonly uiPort: number;
  /** Where its UI sends payloads to be decoded. */
  readonly codecEndpoint?: string | undefined;
  readonly logger: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readyTimeoutMs?: number;
}

export interface DevServer {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  readonly uiUrl: string;
  /** Of the run now; a restarted server has another one. */
  pid(): number;
  /** Ends the server, waiting at most `graceMs` before it is killed. Safe to repeat. */
  stop(graceMs?: number): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 5_000;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 10_000;
/** A run this long was healthy: the next failure starts with a short pause again. */
const HEALTHY_RUN_MS = 30_000;

/** @throws `server.cannot-start`: a port that is taken, a server that does not come up (with the end of its log). */
export async function startDevServer(options: StartDevServerOptions): Promise<DevServer> {
  await mkdir(join(options.dataDir, 'logs'), { recursive: true });
  const recordFile = join(options.dataDir, 'temporal.json');
  const record = await readRecord(recordFile);
  if (record !== null) await stopLeftover(record, options.logger);
  const port = await choosePort(options.port, record?.port, [options.uiPort]);
  const uiPort = await choosePort(options.uiPort, record?.uiPort, [port]);
  const settings: DevServerSettings = {
    binary: options.binary,
    databaseFile: join(options.dataDir, 'temporal.db'),
    logFile: join(options.dataDir, 'logs', 'temporal.log'),
    namespace: options.namespace,
    port,
    uiPort,
    codecEndpoint: options.codecEndpoint,
  };
  await requireFree(port, 'TURNSTONE_TEMPORAL_PORT');
  await requireFree(uiPort, 'TURNSTONE_TEMPORAL_UI_PORT');
  const run = (): Promise<DevServerProcess> => startOnce(settings, recordFile, options);
  const isNew = !existsSync(settings.databaseFile);
  const first = await run();
  if (isNew) await trimVisibility(settings.databaseFile, options.logger, options.env);
  const supervised = supervise(first, run, settings, options.logger);
  return { address: `127.0.0.1:${port}`, uiUrl: `http://127.0.0.1:${uiPort}`, ...supervised };
}

async function requireFree(port: number, variable: string): Promise<void> {
  if (await isPortFree(port)) return;
  throw failure(
    'server.cannot-start',
    `Port ${port} for the embedded Temporal is in use: set ${variable} to a free port, or to 0 for any.`,
  );
}

async function startOnce(
  settings: DevServerSettings,
  recordFile: string,
  options: StartDevServerOptions,
): Promise<DevServerProcess> {
  const server = await spawnDevServer(settings, options.env);
  await writeRecord(recordFile, {
    pid: server.pid,
    startTime: server.startTime,
    port: settings.port,
    uiPort: settings.uiPort,
  });
  try {
    await untilListening(server, settings, options.readyTimeoutMs ?? READY_TIMEOUT_MS);
  } catch (error) {
    await stopProcess(server.pid, server.startTime, STOP_GRACE_MS);
    throw error;
  }
  return server;
}

/** Keeps a server running until `stop`: an ended one is started again on the same ports and database, with growing pauses. */
function supervise(
  first: DevServerProcess,
  run: () => Promise<DevServerProcess>,
  settings: DevServerSettings,
  logger: Logger,
): Pick<DevServer, 'pid' | 'stop'> {
  let current = first;
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const watch = async (): Promise<void> => {
    for (let pauseMs = FIRST_PAUSE_MS; !isStopping();) {
      const startedAt = Date.now();
      const how = await current.ended;
      if (isStopping()) return;
      if (Date.now() - startedAt > HEALTHY_RUN_MS) pauseMs = FIRST_PAUSE_MS;
      logger.error(
        { temporalPid: current.pid, how, log: logTail(settings.logFile) },
        'the Temporal server ended; starting it again',
      );
      pauseMs = await restart(pauseMs);
    }
  };
  const restart = async (firstPauseMs: number): Promise<number> => {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined); // Aborted: the check follows.
      if (isStopping()) return pauseMs;
      try {
        current = await run();
        logger.info({ temporalPid: current.pid }, 'the Temporal server runs again');
        if (isStopping()) await stopProcess(current.pid, current.startTime, STOP_GRACE_MS);
        return Math.min(pauseMs * 2, MAX_PAUSE_MS);
      } catch (error) {
        logger.error({ err: toError(error) }, 'the Temporal server could not be started again; trying on');
      }
    }
  };
  const watching = watch();
  return {
    pid: () => current.pid,
    stop: async (graceMs = STOP_GRACE_MS) => {
      stopping.abort();
      await stopProcess(current.pid, current.startTime, graceMs);
      await watching;
    },
  };
}
