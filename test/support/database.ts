/**
 * One suite over both databases: PGlite always, PostgreSQL when `DATABASE_URL_TEST` names a server or Debian's binaries are
 * installed; else its half is skipped, and the report shows it.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { openPglite } from '../../adapters/pglite/open-pglite.js';
import { createApiKeyStore } from '../../adapters/postgres/api-key-store.js';
import { createDatabase } from '../../adapters/postgres/database.js';
import type { Database } from '../../adapters/postgres/database.js';
import { migrate } from '../../adapters/postgres/migrate.js';
import { openPostgres } from '../../adapters/postgres/open-postgres.js';
import type { SqlPool } from '../../adapters/postgres/sql-pool.js';
import type { Scope } from '../../domain/scope.js';
import { copyEmptyDatabase } from './pglite-template.js';
import { postgresBinaries, startPostgres } from './postgres-server.js';
import { aScope } from './scope-builders.js';
import { silentLogger } from './silent-logger.js';

export interface TestDatabase {
  readonly database: Database;
  readonly sqlPool: SqlPool;
  /** A scope whose tenant exists and is used by nobody else. */
  newScope(changes?: Partial<Scope>): Promise<Scope>;
  close(): Promise<void>;
}

const SETUP_TIMEOUT_MS = 120_000;

/** PGlite on a folder of its own when none is named; an empty one is copied, not made: that takes seconds. */
export async function openTestPglite(dataDir?: string): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'turnstone-pglite-'));
  const chosen = dataDir ?? join(folder, 'database');
  if (!existsSync(chosen)) await copyEmptyDatabase(chosen);
  const removeFolder = async (): Promise<void> => rmSync(folder, { recursive: true, force: true });
  return prepare(await openPglite({ dataDir: chosen, logger: silentLogger }), [removeFolder]);
}

async function openTestPostgres(): Promise<TestDatabase> {
  const url = process.env['DATABASE_URL_TEST'];
  if (url !== undefined && url !== '') return prepare(await openPostgres({ url, logger: silentLogger }), []);
  const server = await startPostgres(postgresBinaries() ?? '');
  return prepare(await openPostgres({ url: server.url, logger: silentLogger }), [() => server.stop()]);
}

async function prepare(sqlPool: SqlPool, closers: readonly (() => Promise<void>)[]): Promise<TestDatabase> {
  const database = createDatabase(sqlPool, silentLogger);
  await migrate(database);
  const keys = createApiKeyStore(database);
  return {
    database,
    sqlPool,
    newScope: async (changes) => {
      const scope = aScope(changes);
      await keys.ensureTenant(scope.tenantId, 'a tenant');
      return scope;
    },
    close: async () => {
      await sqlPool.close();
      for (const close of closers) await close();
    },
  };
}

/** Run a suite over both; `open()` gives the database of the half that is running. */
export function describeOnDatabases(title: string, suite: (open: () => TestDatabase) => void): void {
  const reachable = process.env['DATABASE_URL_TEST'] !== undefined || postgresBinaries() !== null;
  const half = (openHalf: () => Promise<TestDatabase>) => (): void => {
    let opened: TestDatabase | null = null;
    beforeAll(async () => {
      opened = await openHalf();
    }, SETUP_TIMEOUT_MS);
    afterAll(async () => {
      await opened?.close();
    }, SETUP_TIMEOUT_MS);
    suite(() => {
      if (opened === null) throw new Error('the database is not open yet: ask for it inside a test');
      return opened;
    });
  };
  describe(
    `${title}, on PGlite`,
    half(() => openTestPglite()),
  );
  describe.skipIf(!reachable)(`${title}, on PostgreSQL`, half(openTestPostgres));
}
