/**
 * Transactions with a role, a tenant and a principal. There is no other way to the tables: outside of one of these transactions the
 * connection is the login role, and row-level security shows it nothing (or, for a superuser, it is never used).
 *
 * PGlite has one connection, so work must use the connection it is handed; asking for another inside waits for ever.
 */
import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Logger } from '../../domain/ports/logger.js';
import type { Scope } from '../../domain/scope.js';
import { createClientPool } from './client-pool.js';
import { createFairLanes } from './fair-lanes.js';
import type { Lane } from './fair-lanes.js';
import { beginAs } from './ownership.js';
import type { Schema } from './schema.js';
import type { SqlPool } from './sql-pool.js';
import { toStoreFailure } from './store-failure.js';

export type Connection = Kysely<Schema>;
/** Where the pool has no limit of its own. */
const WAIT_TIMEOUT_MS = 10_000;

type Work<T> = (connection: Connection) => Promise<T>;

export interface Database {
  /** Read in a transaction that sees only what the scope's principal owns, or its whole tenant where the scope says so. */
  read<T>(scope: Scope, work: Work<T>): Promise<T>;
  /** Write in a transaction that sees no more than a read; committed when `work` is done, else rolled back. */
  write<T>(scope: Scope, work: Work<T>): Promise<T>;
  /** A transaction over all tenants, with the few privileges of the system role. */
  system<T>(work: Work<T>): Promise<T>;
  /** As the login role: migrations only. */
  readonly owner: Kysely<unknown>;
  readonly logger: Logger;
  readonly kind: SqlPool['kind'];
  readonly version: string;
  /** One round trip, for health. @throws `store.unavailable`. */
  ping(): Promise<void>;
}

/**
 * The database over an open pool. It owns nothing: closing stays with the pool.
 *
 * Everything it throws is a failure of the table, or a programming error.
 */
export function createDatabase(sqlPool: SqlPool, logger: Logger): Database {
  const kysely = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: createClientPool(sqlPool.pool, logger) }),
  });

  const lanes = createFairLanes(
    sqlPool.pool.options.max,
    sqlPool.pool.options.connectionTimeoutMillis ?? WAIT_TIMEOUT_MS,
  );

  const transaction = async <T>(lane: Lane, begin: string, work: Work<T>, awaitCommit: boolean): Promise<T> => {
    try {
      return await lanes.run(lane, () =>
        kysely.connection().execute(async (connection) => {
          const outcome = await workWithin(connection, begin, work, logger);
          const committed = sql.raw('commit').execute(connection);
          if (awaitCommit) await committed;
          // A read has nothing to lose: its caller need not wait for the end of the transaction.
          else
            committed.catch((error: unknown) =>
              logger.warn({ err: toStoreFailure(error) }, 'a read could not be ended'),
            );
          return outcome;
        }),
      );
    } catch (error) {
      throw toStoreFailure(error);
    }
  };
  return {
    read: async (scope, work) => transaction(readingLane(scope), beginAs(scope), work, false),
    write: async (scope, work) => transaction('work', beginAs(scope), work, true),
    system: (work) => transaction('read', BEGIN_SYSTEM, work, true),
    owner: kysely as unknown as Kysely<unknown>,
    logger,
    kind: sqlPool.kind,
    version: sqlPool.version,
    ping: async () => {
      try {
        await sql`select 1`.execute(kysely);
      } catch (error) {
        throw toStoreFailure(error);
      }
    },
  };
}

/** What activities read is part of their work. */
function readingLane(scope: Scope): Lane {
  return scope.wholeTenant === true ? 'work' : 'read';
}

const BEGIN_SYSTEM = 'begin; set local role turnstone_system';

async function workWithin<T>(connection: Connection, begin: string, work: Work<T>, logger: Logger): Promise<T> {
  try {
    await sql.raw(begin).execute(connection);
    return await work(connection);
  } catch (error) {
    // The pool drops a connection that cannot roll back; what `work` threw is the news.
    await sql
      .raw('rollback')
      .execute(connection)
      .catch((rollbackError: unknown) =>
        logger.warn({ err: toStoreFailure(rollbackError) }, 'a transaction could not be rolled back'),
      );
    throw error;
  }
}
