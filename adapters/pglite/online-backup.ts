/**
 * A base backup of the embedded database while it works: PostgreSQL is told that its files are being copied, the files are copied
 * as they change, and the log written meanwhile makes them whole when the copy is opened.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { failure, toError } from '../../domain/failures.js';
import { copyInto } from './durable-copy.js';

/** Folders whose contents mean nothing to a copy; they must exist. */
const EMPTY_IN_COPY = new Set([
  'pg_wal',
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);
const LEFT_OUT = /^(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|pgsql_tmp.*)$/;
/** Copied last, as PostgreSQL asks: it says from where the log is to be replayed. */
const CONTROL_FILE = join('global', 'pg_control');
const WAL_FILE = /^[0-9A-F]{24}$/;

interface BackupEnd {
  readonly label: string;
  readonly firstWal: string;
  readonly lastWal: string;
}

/**
 * @param target must not exist. What is in it is not on disk yet when this resolves.
 * @throws `store.unavailable`
 */
export async function copyDatabase(pool: pg.Pool, dataDir: string, target: string): Promise<void> {
  const { rows } = await pool.query<{ wal: string }>(
    `select pg_walfile_name(pg_backup_start('turnstone', true)) as wal`,
  );
  const firstWal = rows[0]?.wal ?? '';
  let end: BackupEnd;
  try {
    await copyFolder(dataDir, target, '');
    await copyIfThere(dataDir, target, CONTROL_FILE);
  } finally {
    // Also after a copy that failed: a backup that was begun keeps PostgreSQL writing whole pages.
    end = await stopBackup(pool, firstWal);
  }
  await copyWal(dataDir, target, end);
  await writeFile(join(target, 'backup_label'), end.label, { mode: 0o600 });
}

async function stopBackup(pool: pg.Pool, firstWal: string): Promise<BackupEnd> {
  const { rows } = await pool.query<{ labelfile: string; wal: string }>(
    'select labelfile, pg_walfile_name(lsn) as wal from pg_backup_stop(false)',
  );
  const [end] = rows;
  if (end === undefined) throw failure('store.unavailable', 'the embedded database did not end its backup; try again');
  return { label: end.labelfile, firstWal, lastWal: end.wal };
}

async function copyFolder(dataDir: string, target: string, folder: string): Promise<void> {
  await mkdir(join(target, folder), { recursive: true, mode: 0o700 });
  if (EMPTY_IN_COPY.has(folder)) {
    if (folder === 'pg_wal') await mkdir(join(target, folder, 'archive_status'), { mode: 0o700 });
    return;
  }
  for (const entry of await readdir(join(dataDir, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (LEFT_OUT.test(entry.name) || path === CONTROL_FILE) continue;
    if (entry.isDirectory()) await copyFolder(dataDir, target, path);
    else if (entry.isFile()) await copyIfThere(dataDir, target, path);
  }
}

/** A file that went while the copy was made is not missed: the log knows that it went. */
async function copyIfThere(dataDir: string, target: string, path: string): Promise<void> {
  try {
    await copyInto(join(dataDir, path), join(target, path));
  } catch (error) {
    if ((toError(error) as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Everything from the first to the last log file of the backup; one that PostgreSQL has reused meanwhile makes it worthless. */
async function copyWal(dataDir: string, target: string, { firstWal, lastWal }: BackupEnd): Promise<void> {
  const names = (await readdir(join(dataDir, 'pg_wal'))).filter((name) => WAL_FILE.test(name));
  const needed = names.filter((name) => name >= firstWal && name <= lastWal).sort();
  if (needed[0] !== firstWal || !needed.includes(lastWal)) {
    throw failure(
      'store.unavailable',
      'more was written during the backup than the log keeps; try again at a quieter time',
    );
  }
  for (const name of needed) await copyInto(join(dataDir, 'pg_wal', name), join(target, 'pg_wal', name));
}
