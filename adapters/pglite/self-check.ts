/**
 * The check of an embedded database that was not closed in order: every table and index is read and compared, smallest
 * first, within a time. PostgreSQL has replayed its log by then; this finds what no log can mend: pages a disk has lost.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { failure, toError } from '../../domain/failures.js';

export interface SelfCheckReport {
  readonly checked: number;
  /** Relations the time did not suffice for; they are checked no further. */
  readonly left: number;
  readonly durationMs: number;
}

/** A start waits for it, and readers wait for the start. */
const TIME_LIMIT_MS = 2_000;
/** Position and value of `state` in `pg_control`, the same since PostgreSQL 8. */
const STATE_OFFSET = 16;
const SHUT_DOWN = 1;

interface Relation {
  readonly name: string;
  readonly is_index: boolean;
}

/** Whether the database was shut down in order. A folder without a database needs no check either. */
export async function wasClosedInOrder(dataDir: string): Promise<boolean> {
  try {
    const control = await readFile(join(dataDir, 'global', 'pg_control'));
    return control.readUInt32LE(STATE_OFFSET) === SHUT_DOWN;
  } catch (error) {
    if ((toError(error) as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw failure(
      'store.unavailable',
      `the embedded database in ${dataDir} cannot be read: ${toError(error).message}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Needs the extension amcheck loaded; leaves nothing in the database.
 * @throws `store.unavailable` that names the damaged relation.
 */
export async function checkDatabase(pool: pg.Pool, timeLimitMs = TIME_LIMIT_MS): Promise<SelfCheckReport> {
  const startedMs = performance.now();
  const client = await pool.connect();
  try {
    await client.query('begin; create extension if not exists amcheck');
    const { rows } = await client.query<Relation>(
      `select c.oid::regclass::text as name, c.relkind = 'i' as is_index
       from pg_class c left join pg_am a on a.oid = c.relam
       where c.relpersistence = 'p' and (c.relkind = 'r' or (c.relkind = 'i' and a.amname = 'btree'))
       order by c.relpages, c.oid`,
    );
    let checked = 0;
    for (const relation of rows) {
      if (performance.now() - startedMs > timeLimitMs) break;
      await checkRelation(client, relation);
      checked += 1;
    }
    return { checked, left: rows.length - checked, durationMs: Math.round(performance.now() - startedMs) };
  } finally {
    // The extension goes with the transaction. A connection that is lost has told why already.
    await client.query('rollback').catch(() => undefined);
    client.release();
  }
}

async function checkRelation(client: pg.PoolClient, { name, is_index: isIndex }: Relation): Promise<void> {
  const problem = await problemOf(client, name, isIndex);
  if (problem !== null) {
    throw failure('store.unavailable', `${isIndex ? 'the index' : 'the table'} ${name} is damaged: ${problem}`);
  }
}

async function problemOf(client: pg.PoolClient, name: string, isIndex: boolean): Promise<string | null> {
  try {
    if (isIndex) {
      await client.query('select bt_index_check($1::regclass)', [name]);
      return null;
    }
    const { rows } = await client.query<{ msg: string }>(
      'select msg from verify_heapam($1::regclass, on_error_stop := true, check_toast := true) limit 1',
      [name],
    );
    return rows[0]?.msg ?? null;
  } catch (error) {
    return toError(error).message;
  }
}
