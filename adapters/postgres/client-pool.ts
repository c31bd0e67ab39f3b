/**
 * The pg pool as kysely's dialect takes it, with three things added: statements with parameters are prepared once per
 * connection, a connection whose state is in doubt is dropped instead of reused, and a commit nobody has to wait for may
 * still be under way when the connection is given back.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Logger } from '../../domain/ports/logger.js';
import { createBatchedTransaction } from './batched-transaction.js';
import { sqlStateOf } from './store-failure.js';

/** Our statements are constants, about a hundred; beyond this number they are not prepared, so that names cannot pile up. */
const MAX_PREPARED = 500;

/**
 * Every query of ours finds its rows by id, through an index. Prepared plans are made once, often while tables are empty:
 * then reading a whole table looks cheapest, and the plan would stay when the table has grown.
 */
const SESSION_SETTINGS =
  'set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off; ' +
  'set plan_cache_mode = force_generic_plan';

/** Wrap a pool for `PostgresDialect`. Ending the pool stays with its owner. */
export function createClientPool(pool: pg.Pool, logger: Logger): PostgresPool {
  const nameOf = createStatementNames();
  const prepared = new WeakSet<pg.PoolClient>();
  return {
    connect: async () => {
      const client = await pool.connect();
      const wrapped = wrapClient(client, nameOf, logger);
      if (prepared.has(client)) return wrapped;
      try {
        await wrapped.query(SESSION_SETTINGS, []);
      } catch (error) {
        wrapped.release();
        throw error;
      }
      prepared.add(client);
      return wrapped;
    },
    end: () => Promise.resolve(),
  };
}

function wrapClient(
  client: pg.PoolClient,
  nameOf: (text: string) => string | undefined,
  logger: Logger,
): PostgresPoolClient {
  // A timeout leaves a query running whose end nobody waits for: the next user of the connection would wait behind it, or
  // find its transaction open.
  let doubtful = false;
  let last: Promise<unknown> = Promise.resolve();
  const onError = (error: Error): void => {
    doubtful = true;
    logger.warn({ err: error }, 'a database connection was lost');
  };
  client.on('error', onError);

  const send = (text: string, values: readonly unknown[]): Promise<pg.QueryResult> => {
    // Without parameters: the simple protocol, which takes several statements in one round trip.
    const name = nameOf(text);
    const sent =
      values.length === 0
        ? client.query(text)
        : client.query({ text, values: [...values], ...(name === undefined ? {} : { name }) });
    const answered = sent.catch((error: unknown) => {
      if (sqlStateOf(error) === null) doubtful = true;
      throw error;
    });
    last = answered;
    return answered;
  };
  const batched = createBatchedTransaction(send);
  const query = <R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>> =>
    batched(text, values) as unknown as Promise<PostgresQueryResult<R>>;
  const release = (): void => {
    const giveBack = (): void => {
      client.off('error', onError);
      client.release(doubtful);
    };
    last.then(giveBack, giveBack);
  };
  return { query, release } as PostgresPoolClient;
}

function createStatementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= MAX_PREPARED) return known;
    const name = `turnstone_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
    names.set(text, name);
    return name;
  };
}
