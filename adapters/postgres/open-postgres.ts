/** A pool of connections to a PostgreSQL server. */
import pg from 'pg';
import { failure, toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { SqlPool } from './sql-pool.js';
import { toStoreFailure } from './store-failure.js';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with the usual parameters (`sslmode` …). */
  readonly url: string;
  readonly logger: Logger;
  readonly maxConnections?: number;
}

/** Enough for the turns one process runs at a time; a server takes 100 connections as it is shipped. */
const MAX_CONNECTIONS = 10;
/** A server that does not take a connection in this time is down as far as a request is concerned. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Far above any query of ours; the server gives up first, so that the client seldom has to drop a connection. */
const STATEMENT_TIMEOUT_MS = 25_000;
const QUERY_TIMEOUT_MS = 30_000;
/** A transaction whose process hangs must not hold its locks for longer than this. */
const IDLE_IN_TRANSACTION_MS = 30_000;
/** Generated columns with full-text search, `security invoker` rules and row-level security as used here. */
const OLDEST_MAJOR = 14;

/**
 * Connect and check the server's version.
 * @throws `store.unavailable` when it cannot be reached, `config.invalid` when the URL or the version will not do.
 */
export async function openPostgres(options: PostgresOptions): Promise<SqlPool> {
  const { logger } = options;
  const pool = new pg.Pool({
    connectionString: checkedUrl(options.url),
    max: options.maxConnections ?? MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    // Begin, statement and commit go to the server together.
    pipeline: true,
    application_name: 'turnstone',
  });
  pool.on('error', (error) => logger.warn({ err: toStoreFailure(error) }, 'an idle database connection was lost'));
  try {
    const { rows } = await pool.query<{ version: string; number: number }>(
      `select current_setting('server_version') as version, current_setting('server_version_num')::int as number`,
    );
    const version = rows[0]?.version ?? 'unknown';
    requireVersion(version, Math.floor((rows[0]?.number ?? 0) / 10_000));
    logger.info({ version }, 'connected to PostgreSQL');
    return { pool, kind: 'postgres', version, close: () => pool.end() };
  } catch (error) {
    await pool.end();
    throw toStoreFailure(error);
  }
}

function checkedUrl(url: string): string {
  try {
    const { protocol } = new URL(url);
    if (protocol === 'postgres:' || protocol === 'postgresql:') return url;
  } catch (error) {
    // The URL holds a password: neither it nor the parser's message about it goes into ours.
    throw failure(
      'config.invalid',
      `DATABASE_URL is not a URL (${toError(error).name}); expected postgres://user@host/database`,
    );
  }
  throw failure('config.invalid', 'DATABASE_URL must start with postgres:// or postgresql://');
}

function requireVersion(version: string, major: number): void {
  if (major >= OLDEST_MAJOR) return;
  throw failure(
    'config.invalid',
    `PostgreSQL ${version} is too old: version ${String(OLDEST_MAJOR)} or newer is needed`,
  );
}
