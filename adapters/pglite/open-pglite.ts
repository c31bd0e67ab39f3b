/**
 * The embedded database: PGlite on a folder, in a worker thread, behind an ordinary pg pool. The rest of the product
 * cannot tell it from a PostgreSQL server.
 *
 * What is committed survives the death of the process and, unless `sync` is off, a power cut. A database that was not closed
 * in order is checked before anybody uses it.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import type { Logger } from '../../domain/ports/logger.js';
import { failure, toError } from '../../domain/failures.js';
import { lockFolder } from './folder-lock.js';
import type { FolderLock } from './folder-lock.js';
import { checkDatabase, wasClosedInOrder } from './self-check.js';
import { createWireStream } from './wire-stream.js';
import { openWorkerChannel } from './worker-channel.js';

export interface PglitePool {
  readonly pool: pg.Pool;
  readonly kind: 'pglite';
  readonly version: string;
  close(): Promise<void>;
}

export interface PgliteOptions {
  /** Folder of the database, made when missing; `memory://` keeps it in memory, for tests. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** A commit is acknowledged when the disk has it; default: yes. Without, a power cut may take the last commits, or all. */
  readonly sync?: boolean;
  /** What to do when the folder is damaged, in a sentence: the caller knows where the snapshots are. */
  readonly damageRemedy?: string;
  /** How long the check of a database that was not closed in order may take; what it does not reach is not checked. */
  readonly checkLimitMs?: number;
  /** Longest a query may take before its caller gets `store.unavailable`. */
  readonly queryTimeoutMs?: number;
  /** Another worker than ours, for tests of its death. */
  readonly workerFile?: URL;
}

/** Far above any query of ours; it bounds what a stuck database can hold up. */
const QUERY_TIMEOUT_MS = 30_000;
/** Longest wait for the one connection; beyond it callers are told to come back instead of queueing without bound. */
const CONNECT_TIMEOUT_MS = 10_000;
const IN_MEMORY = 'memory://';

/**
 * Lock the folder and open it.
 * @throws `store.unavailable` when another process holds the folder or it cannot be opened.
 */
export async function openPglite(options: PgliteOptions): Promise<PglitePool> {
  const inMemory = options.dataDir.startsWith(IN_MEMORY);
  const dataDir = inMemory ? options.dataDir : resolve(options.dataDir);
  const lock = inMemory ? null : await prepareFolder(dataDir);
  try {
    return await openLocked(dataDir, lock, options);
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

async function prepareFolder(dataDir: string): Promise<FolderLock> {
  await mkdir(dirname(dataDir), { recursive: true, mode: 0o700 });
  return lockFolder(dataDir);
}

async function openLocked(dataDir: string, lock: FolderLock | null, options: PgliteOptions): Promise<PglitePool> {
  const { logger } = options;
  const isNew = lock !== null && !existsSync(join(dataDir, 'PG_VERSION'));
  if (isNew) logger.info({ dataDir }, 'creating the embedded database; this takes a few seconds, once');
  const check = lock !== null && !(await wasClosedInOrder(dataDir));
  const workerOptions = { dataDir, sync: lock !== null && options.sync !== false, check };
  const channel = await openWorkerChannel(workerOptions, options.workerFile).catch((error: unknown) => {
    throw isNew ? error : damaged(options, error);
  });
  const pool = new pg.Pool({
    // One connection: PGlite is one session. A query outside the open transaction, awaited inside it, would wait for ever.
    max: 1,
    idleTimeoutMillis: 0,
    // Begin, statement and commit go to the worker together.
    pipeline: true,
    stream: () => createWireStream(channel),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: options.queryTimeoutMs ?? QUERY_TIMEOUT_MS,
    // Named here, so that variables such as PGHOST and PGSSLMODE cannot reach this pool.
    host: 'localhost',
    port: 5432,
    user: 'postgres',
    database: 'postgres',
    password: 'unused',
    ssl: false,
  });
  pool.on('error', (error) => logger.warn({ err: error }, 'an idle connection to the embedded database was lost'));
  channel.onDeath((reason) => logger.error({ err: reason }, 'the embedded database stopped'));
  try {
    const { rows } = await pool.query<{ server_version: string }>('show server_version');
    const version = rows[0]?.server_version ?? 'unknown';
    const opened = { dataDir, version, openMs: Math.round(channel.openMs), created: isNew, sync: workerOptions.sync };
    logger.info(opened, 'embedded database open');
    if (check)
      logger.info(
        { ...(await checkDatabase(pool, options.checkLimitMs)) },
        'it was not closed in order and has been checked',
      );
    const close = async (): Promise<void> => {
      await pool.end();
      await channel.close();
      await lock?.release();
    };
    return { pool, kind: 'pglite', version, close };
  } catch (error) {
    // An orderly shutdown would make the next start believe that all is well.
    await channel.abandon();
    throw damaged(options, error);
  }
}

function damaged({ dataDir, damageRemedy }: PgliteOptions, error: unknown): Error {
  const remedy = damageRemedy ?? 'restore a backup of it';
  return failure(
    'store.unavailable',
    `the embedded database in ${dataDir} cannot be used: ${toError(error).message}; ${remedy}`,
    { cause: error },
  );
}
