/** Backups of the embedded parts as folders: made beside their place, named when they are whole. */
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { failure, isFailure, toError } from '../../domain/failures.js';
import type { BackupKind, BackupRecord, BackupStore } from '../../domain/ports/backup-store.js';
import type { Logger } from '../../domain/ports/logger.js';
import { describeFile, filesBelow, readManifest, writeManifest } from './backup-manifest.js';
import type { BackupManifest, ManifestFile } from './backup-manifest.js';
import { copyInto, syncTree } from './durable-copy.js';
import { copyDatabase } from './online-backup.js';

export interface FolderBackupsOptions {
  readonly pool: pg.Pool;
  readonly databaseDir: string;
  /** Copied into a whole backup, under their base names, where they exist: the folder of file contents, the data folder's key. */
  readonly alsoKept: readonly { readonly name: string; readonly path: string }[];
  /** Where each kind is kept. */
  readonly folders: Readonly<Record<BackupKind, string>>;
  /** Snapshots beyond these are removed, oldest first. Backups are never removed by the server. */
  readonly keptSnapshots: number;
  readonly productVersion: string;
  readonly postgresVersion: string;
  readonly logger: Logger;
}

export function createFolderBackups(options: FolderBackupsOptions): BackupStore {
  let last: Promise<unknown> = Promise.resolve();
  return {
    create(kind) {
      const made = last.catch(() => undefined).then(() => createBackup(options, kind));
      last = made;
      return made;
    },
    async list() {
      const found = await Promise.all([listBackups(options.folders.backup), listBackups(options.folders.snapshot)]);
      return found.flat().sort((left, right) => right.createdAtMs - left.createdAtMs);
    },
  };
}

async function createBackup(options: FolderBackupsOptions, kind: BackupKind): Promise<BackupRecord> {
  const { databaseDir, folders, logger } = options;
  const createdAt = new Date();
  const name = `${kind}-${createdAt.toISOString().replaceAll(/[:.]/g, '-')}`;
  const path = join(folders[kind], name);
  const draft = join(folders[kind], `.unfinished-${randomUUID()}`);
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 });
    await copyDatabase(options.pool, databaseDir, join(draft, 'database'));
    if (kind === 'backup') for (const part of options.alsoKept) await copyPart(part, draft);
    const files: ManifestFile[] = [];
    for (const file of await filesBelow(draft)) files.push(await describeFile(draft, file));
    const manifest: BackupManifest = {
      format: 1,
      kind,
      product_version: options.productVersion,
      postgres_version: options.postgresVersion,
      created_at: createdAt.toISOString(),
      files,
    };
    await syncTree(draft);
    await writeManifest(draft, manifest);
    await rename(draft, path);
    if (kind === 'snapshot') await removeOld(options);
    const record = toRecord(path, name, manifest);
    logger.info({ kind, path, bytes: record.bytes, durationMs: Date.now() - createdAt.getTime() }, 'backup made');
    return record;
  } catch (error) {
    // What cannot be removed either is not the news.
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    if (isFailure(error)) throw error;
    const why = toError(error).message;
    throw failure('store.unavailable', `the backup could not be written to ${dirname(draft)}: ${why}`, {
      cause: error,
    });
  }
}

/** A folder with what is below it, or a single file. */
async function copyPart({ name, path }: { name: string; path: string }, draft: string): Promise<void> {
  if (!(await exists(path))) return;
  const inner = await filesBelow(path).catch((error: unknown) => {
    if ((toError(error) as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
    throw error;
  });
  if (inner === null) {
    await copyInto(path, join(draft, name));
    return;
  }
  for (const file of inner) if (!file.endsWith('.part')) await copyInto(join(path, file), join(draft, name, file));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whole backups in a folder, newest first. */
export async function listBackups(folder: string): Promise<readonly BackupRecord[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []); // None were made yet.
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  const records = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Not one of ours, or not whole: it cannot be restored, so it is not offered.
      const manifest = await readManifest(path).catch(() => null);
      return manifest === null ? [] : [toRecord(path, name, manifest)];
    }),
  );
  return records.flat().sort((left, right) => right.createdAtMs - left.createdAtMs);
}

function toRecord(path: string, name: string, manifest: BackupManifest): BackupRecord {
  return {
    kind: manifest.kind,
    name,
    path,
    createdAtMs: Date.parse(manifest.created_at),
    bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
    fileCount: manifest.files.length,
  };
}

async function removeOld({ folders, keptSnapshots, logger }: FolderBackupsOptions): Promise<void> {
  const old = (await listBackups(folders.snapshot)).slice(Math.max(1, keptSnapshots));
  for (const { path } of old) {
    await rm(path, { recursive: true, force: true });
    logger.info({ path }, 'old snapshot removed');
  }
}
