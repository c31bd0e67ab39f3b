/**
 * A backup becomes the data folder's database again. What was there is moved aside, never deleted. The embedded Temporal's file is
 * moved aside with it: it may know of later things, and turns that were open in the backup are started again without it.
 */
import { access, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '../../domain/failures.js';
import { readManifest, verifyBackup } from './backup-manifest.js';
import type { BackupManifest } from './backup-manifest.js';
import { copyInto, syncTree } from './durable-copy.js';
import { lockFolder } from './folder-lock.js';

export interface RestoreTarget {
  readonly dataDir: string;
  readonly databaseDir: string;
  /** Locked while restoring: a server that runs on the folder refuses it. */
  readonly lockPath: string;
  /** Files beside the database that belong to its time; moved aside with it. */
  readonly companions: readonly string[];
}

export interface RestoreReport {
  readonly manifest: BackupManifest;
  /** Where what was there before lies now. */
  readonly movedAside: readonly string[];
}

/** Folders PostgreSQL needs although nothing is in them: a list of files does not name them. */
const EMPTY_FOLDERS = [
  'pg_commit_ts',
  'pg_dynshmem',
  'pg_logical/mappings',
  'pg_logical/snapshots',
  'pg_multixact/members',
  'pg_multixact/offsets',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_tblspc',
  'pg_twophase',
  'pg_wal/archive_status',
  'pg_wal/summaries',
  'pg_xact',
];

/**
 * @param replace move an existing database aside; without it an existing one is refused.
 * @throws `request.invalid` for what is no backup, is damaged, or would replace something; `store.unavailable` while a server runs.
 */
export async function restoreBackup(from: string, target: RestoreTarget, replace: boolean): Promise<RestoreReport> {
  const manifest = await readManifest(from);
  await verifyBackup(from, manifest);
  await mkdir(target.dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(target.dataDir, target.lockPath);
  try {
    const movedAside = await moveAside(target, replace);
    for (const { path } of manifest.files) await copyInto(join(from, path), placeOf(target, path));
    for (const folder of EMPTY_FOLDERS) await mkdir(join(target.databaseDir, folder), { recursive: true, mode: 0o700 });
    await syncTree(target.dataDir);
    return { manifest, movedAside };
  } finally {
    await lock.release();
  }
}

function placeOf({ dataDir, databaseDir }: RestoreTarget, path: string): string {
  const [first = '', ...rest] = path.split('/');
  return first === 'database' ? join(databaseDir, ...rest) : join(dataDir, first, ...rest);
}

async function moveAside(target: RestoreTarget, replace: boolean): Promise<string[]> {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const moved: string[] = [];
  for (const path of [target.databaseDir, ...target.companions]) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    if (!replace) {
      throw failure(
        'request.invalid',
        `${path} is there already: add --replace to move it aside, or restore into another folder with --data-dir`,
      );
    }
    const aside = `${path}.replaced-${stamp}`;
    await rename(path, aside);
    moved.push(aside);
  }
  return moved;
}
