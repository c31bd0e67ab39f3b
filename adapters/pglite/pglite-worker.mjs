// @ts-check
/**
 * Runs PGlite in a thread of its own, because each of its calls blocks the thread it is made in. Plain JavaScript: a
 * worker is loaded by Node itself, whatever loader the main thread runs under.
 *
 * It speaks the PostgreSQL wire protocol in bytes: a request holds whole messages, the answer is what the server sent.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { amcheck } from '@electric-sql/pglite/contrib/amcheck';
import { SyncedFileSystem, syncFolder, syncedStartParams } from './synced-file-system.mjs';

/** @typedef {{ id: number, kind: 'startup' | 'messages' | 'close', bytes?: Uint8Array }} WorkerRequest */

const STARTUP_RESET = concat([simpleQuery('rollback'), simpleQuery('discard all')]);

if (parentPort === null) throw new Error('pglite-worker.mjs is started as a worker thread, not by itself');
const port = parentPort;
const startedAt = performance.now();
const database = await openDatabase(workerData);
let sessions = 0;

port.on('message', (/** @type {WorkerRequest} */ request) => {
  answer(request).catch((error) => port.postMessage({ id: request.id, error: String(error?.message ?? error) }));
});
port.postMessage({ ready: true, openMs: performance.now() - startedAt });

/**
 * @param {import('./worker-channel.js').WorkerOptions} options
 * @returns {Promise<PGlite>}
 */
async function openDatabase({ dataDir, sync, check }) {
  const extensions = check ? { amcheck } : {};
  if (!sync) return PGlite.create({ dataDir, extensions });
  const isNew = !existsSync(join(dataDir, 'PG_VERSION'));
  const fs = new SyncedFileSystem(dataDir);
  const opened = await PGlite.create({ dataDir, fs, extensions, startParams: syncedStartParams() });
  if (isNew) syncFolder(dataDir);
  return opened;
}

/** @param {WorkerRequest} request */
async function answer(request) {
  if (request.kind === 'close') {
    await database.close();
    port.postMessage({ id: request.id, bytes: new Uint8Array(0) });
    port.close();
    return;
  }
  // A new client inherits nothing: an open transaction or prepared statements of a lost one would be seen by it.
  if (request.kind === 'startup' && sessions++ > 0) database.execProtocolRawSync(STARTUP_RESET);
  // Copied: the startup answer is a view of PGlite's own buffer, and buffers are handed over, not cloned.
  const bytes = Uint8Array.from(database.execProtocolRawSync(request.bytes ?? new Uint8Array(0)));
  port.postMessage({ id: request.id, bytes }, [bytes.buffer]);
}

/** @param {string} sql */
function simpleQuery(sql) {
  const text = new TextEncoder().encode(sql);
  const message = new Uint8Array(text.length + 6);
  message[0] = 'Q'.charCodeAt(0);
  new DataView(message.buffer).setInt32(1, text.length + 5);
  message.set(text, 5);
  return message;
}

/** @param {Uint8Array[]} parts */
function concat(parts) {
  return new Uint8Array(Buffer.concat(parts));
}
