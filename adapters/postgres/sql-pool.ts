import type pg from 'pg';

/** An open database, whichever it is: a PostgreSQL server or the embedded PGlite. */
export interface SqlPool {
  readonly pool: pg.Pool;
  readonly kind: 'pglite' | 'postgres';
  readonly version: string;
  close(): Promise<void>;
}
