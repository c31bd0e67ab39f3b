/** Requests and answers between this thread and the PGlite worker; the worker's death fails all of them at once. */
import { Worker } from 'node:worker_threads';
import { failure, toError } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';

export interface WorkerChannel {
  /** Send wire-protocol messages. @throws `store.unavailable` when the worker is gone. */
  exchange(kind: 'startup' | 'messages', bytes: Uint8Array): Promise<Uint8Array>;
  /** Called once, when the worker dies without having been closed. */
  onDeath(listener: (reason: Failure) => void): void;
  /** How long opening the folder took inside the worker. */
  readonly openMs: number;
  close(): Promise<void>;
  /** Ends the thread without a shutdown of the database: what it holds stays as it is on disk. */
  abandon(): Promise<void>;
}

/** Read by the worker. */
export interface WorkerOptions {
  readonly dataDir: string;
  /** Whether a commit waits for the disk; false for a database in memory. */
  readonly sync: boolean;
  /** Load what the self-check needs. */
  readonly check: boolean;
}

interface Pending {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

type WorkerReply =
  | { readonly ready: true; readonly openMs: number }
  | { readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

const WORKER_FILE = new URL('./pglite-worker.mjs', import.meta.url);
/** A first start writes a whole database; slow disks and busy machines have been seen to take 10 s. */
const OPEN_TIMEOUT_MS = 120_000;
/** A shutdown writes a checkpoint; past this the thread is ended, which loses nothing that was committed. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Start the worker and wait until the database answers.
 * @throws `store.unavailable` when the folder cannot be opened.
 */
export async function openWorkerChannel(options: WorkerOptions, workerFile: URL = WORKER_FILE): Promise<WorkerChannel> {
  const { dataDir } = options;
  // Own execArgv: the worker is plain JavaScript, so the loaders of the main thread would only slow it down.
  const worker = new Worker(workerFile, { workerData: options, execArgv: [] });
  const pending = new Map<number, Pending>();
  const deathListeners: ((reason: Failure) => void)[] = [];
  let dead: Failure | null = null;
  let closing = false;
  let nextId = 1;

  const die = (why: string, cause?: unknown): void => {
    if (dead !== null) return;
    dead = failure('store.unavailable', `the embedded database in ${dataDir} stopped: ${why}; restart the server`, {
      cause,
    });
    for (const waiting of pending.values()) waiting.reject(dead);
    pending.clear();
    if (!closing) for (const listener of deathListeners) listener(dead);
  };
  worker.on('error', (error) => die(toError(error).message, error));
  worker.on('exit', (code) => die(`its thread ended with code ${String(code)}`));

  const send = (kind: 'startup' | 'messages' | 'close', bytes?: Uint8Array): Promise<Uint8Array> => {
    if (dead !== null) return Promise.reject(dead);
    const id = nextId++;
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
      worker.postMessage({ id, kind, bytes });
    });
  };
  const openMs = await waitUntilReady(
    worker,
    (reply) => settle(pending, reply),
    () => dead,
    dataDir,
  );
  return {
    openMs,
    exchange: (kind, bytes) => send(kind, bytes),
    onDeath: (listener) => void deathListeners.push(listener),
    close: async () => {
      if (closing) return;
      closing = true;
      const timer = setTimeout(() => void worker.terminate(), CLOSE_TIMEOUT_MS);
      // A worker that is already dead has nothing left to close.
      if (dead === null) await send('close').catch((error: unknown) => die('it did not close', error));
      clearTimeout(timer);
      await worker.terminate();
    },
    abandon: async () => {
      closing = true;
      await worker.terminate();
    },
  };
}

function settle(pending: Map<number, Pending>, reply: WorkerReply): void {
  if ('ready' in reply) return;
  const waiting = pending.get(reply.id);
  pending.delete(reply.id);
  if ('error' in reply) waiting?.reject(failure('store.unavailable', `the embedded database failed: ${reply.error}`));
  else waiting?.resolve(reply.bytes);
}

function waitUntilReady(
  worker: Worker,
  onReply: (reply: WorkerReply) => void,
  deathOf: () => Failure | null,
  dataDir: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      void worker.terminate();
      reject(
        failure(
          'store.unavailable',
          `the embedded database in ${dataDir} did not open within ${String(OPEN_TIMEOUT_MS)} ms`,
        ),
      );
    }, OPEN_TIMEOUT_MS);
    worker.on('message', (reply: WorkerReply) => {
      if ('ready' in reply) {
        clearTimeout(timer);
        resolve(reply.openMs);
      } else onReply(reply);
    });
    worker.once('exit', () => {
      clearTimeout(timer);
      reject(deathOf() ?? failure('store.unavailable', `the embedded database in ${dataDir} did not open`));
    });
  });
}
