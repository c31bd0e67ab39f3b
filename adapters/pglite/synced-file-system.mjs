// @ts-check
/**
 * PGlite on a folder, with files that reach the disk. PostgreSQL decides when: it runs with `fsync=on` and asks for a sync of the
 * WAL before it acknowledges a commit, and of data files before a checkpoint lets WAL go. PGlite's own file system has no
 * answer to that call, so this one adds it. Plain JavaScript, like the worker that loads it.
 */
import { closeSync, fdatasyncSync, fstatSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** Standalone PostgreSQL's switch for `fsync=off`, which PGlite starts with. */
const NO_SYNC_SWITCH = '-F';
/**
 * `fsync` is the one method whose call arrives here. Less WAL than the default GB between checkpoints: a start after a crash
 * replays it, and a copy of the folder holds it. A backup in progress needs the WAL since its start.
 */
const SYNC_SETTINGS = ['wal_sync_method=fsync', 'max_wal_size=128MB', 'wal_keep_size=64MB'];

/** What PGlite must be started with for {@link SyncedFileSystem} to be asked. */
export function syncedStartParams() {
  const params = PGlite.defaultStartParams.filter((/** @type {string} */ param) => param !== NO_SYNC_SWITCH);
  return [...params, ...SYNC_SETTINGS.flatMap((setting) => ['-c', setting])];
}

/** An open file of Emscripten's NODEFS: `nfd` is the descriptor of the real file or folder. @typedef {{ nfd: number }} OpenFile */

/**
 * A sync that fails is thrown, not reported: after it nobody knows what the disk holds, so the thread ends with it and nothing
 * more is acknowledged.
 * @param {OpenFile} file
 */
function syncOpenFile({ nfd }) {
  if (fstatSync(nfd).isDirectory()) fsyncSync(nfd);
  else fdatasyncSync(nfd);
  return 0;
}

export class SyncedFileSystem extends NodeFS {
  /** @type {NodeFS['init']} */
  async init(pg, options) {
    const { emscriptenOpts } = await super.init(pg, options);
    const addSync = (/** @type {any} */ module) => {
      module.FS.filesystems.NODEFS.stream_ops.fsync = syncOpenFile;
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), addSync] } };
  }
}

/** Brings every file and folder below to disk: a database that was just made was copied here without asking for syncs. */
export function syncFolder(/** @type {string} */ folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncFolder(path);
    else if (entry.isFile()) syncPath(path);
  }
  syncPath(folder);
}

/** @param {string} path */
function syncPath(path) {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
