/** Backups of the embedded database: by hand over the API, and snapshots on a schedule. A served PostgreSQL brings its own. */
import { basename } from 'node:path';
import type { Config } from '../adapters/config/load-config.js';
import { createFolderBackups } from '../adapters/pglite/folder-backups.js';
import { toFailure } from '../domain/failures.js';
import type { BackupStore } from '../domain/ports/backup-store.js';
import type { Logger } from '../domain/ports/logger.js';
import type { SqlPool } from '../adapters/postgres/sql-pool.js';
import type { Closers } from './closers.js';
import { backupsDir, embeddedDatabaseDir, fileContentsDir, masterKeyPath, snapshotsDir } from './data-folder.js';

const MINUTE_MS = 60_000;
/** How often it is looked whether a snapshot is due: an interval of days must not lie in one timer. */
const LOOK_EVERY_MS = MINUTE_MS;

/** @returns null where the database is not embedded. */
export function openBackups(config: Config, pool: SqlPool, version: string, logger: Logger): BackupStore | null {
  if (pool.kind !== 'pglite') return null;
  const { dataDir, backup } = config;
  const kept = [fileContentsDir(dataDir), masterKeyPath(dataDir)];
  return createFolderBackups({
    pool: pool.pool,
    databaseDir: embeddedDatabaseDir(dataDir),
    alsoKept: kept.map((path) => ({ name: basename(path), path })),
    folders: { backup: backup.dir ?? backupsDir(dataDir), snapshot: snapshotsDir(dataDir) },
    keptSnapshots: backup.keep_snapshots,
    productVersion: version,
    postgresVersion: pool.version,
    logger,
  });
}

/** Makes a snapshot whenever the newest one is older than the interval and something was written since. */
export function startSnapshots(
  config: Config,
  { pool }: SqlPool,
  backups: BackupStore,
  logger: Logger,
  closers: Closers,
): void {
  const intervalMs = config.backup.snapshot_interval_minutes * MINUTE_MS;
  if (intervalMs === 0) return;
  let writtenThen: string | null = null;
  let running: Promise<void> | null = null;

  const makeWhenDue = async (): Promise<void> => {
    const newest = (await backups.list()).find(({ kind }) => kind === 'snapshot');
    if (newest !== undefined && Date.now() - newest.createdAtMs < intervalMs) return;
    const { rows } = await pool.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
    const lsn = rows[0]?.lsn ?? null;
    if (newest !== undefined && lsn === writtenThen) return;
    await backups.create('snapshot');
    // A snapshot writes to the log itself: what counts is the position after it.
    const after = await pool.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
    writtenThen = after.rows[0]?.lsn ?? null;
  };
  const timer = setInterval(() => {
    running ??= makeWhenDue()
      .catch((error: unknown) =>
        logger.error({ err: error, code: toFailure(error).code }, 'a snapshot of the database could not be made'),
      )
      .finally(() => {
        running = null;
      });
  }, LOOK_EVERY_MS);
  closers.add('snapshots', async () => {
    clearInterval(timer);
    await running;
  });
}
