/**
 * Proven: the database itself keeps tenants apart, and the users of a tenant, on every table, and shows nothing when role,
 * tenant or principal are missing.
 */
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { expect, it } from 'vitest';
import { openPglite } from '../../adapters/pglite/open-pglite.js';
import { createApiKeyStore } from '../../adapters/postgres/api-key-store.js';
import { createDatabase } from '../../adapters/postgres/database.js';
import type { Connection } from '../../adapters/postgres/database.js';
import { migrate } from '../../adapters/postgres/migrate.js';
import { ensureRoles } from '../../adapters/postgres/migrations/row-level-security.js';
import { newId } from '../../domain/ids.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { describeOnDatabases } from '../support/database.js';
import { fillTables, OF_TENANT, TABLES } from '../support/filled-tables.js';
import { copyEmptyDatabase } from '../support/pglite-template.js';
import { aScope } from '../support/scope-builders.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const asUser = ({ tenantId, principalId }: Scope): string =>
  `begin; set local role turnstone_app; set local turnstone.tenant = '${tenantId}'; set local turnstone.principal = '${principalId}'`;

describeOnDatabases('tenancy', (open) => {
  const fill = (scope: Scope): ReturnType<typeof fillTables> => fillTables(open().database, scope);
  const countAll = async (connection: Connection): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const table of TABLES) {
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from ${sql.table(table)}`.execute(connection);
      counts[table] = rows[0]?.n ?? -1;
    }
    return counts;
  };
  const all = (n: number): Record<string, number> => Object.fromEntries(TABLES.map((table) => [table, n]));
  /** Rows seen in a transaction made by hand, with the beginning given. */
  const rawCount = async (begin: string, table: string): Promise<number> => {
    const { pool } = open().sqlPool;
    const client = await pool.connect();
    try {
      await client.query(begin);
      const { rows } = await client.query<{ n: number }>(`select count(*)::int as n from ${table}`);
      return rows[0]?.n ?? -1;
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  it('every table -> row-level security is on and forced', async () => {
    const { rows } = await open().sqlPool.pool.query<{ relname: string }>(
      `select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace
         and relname not like 'kysely%' and not (relrowsecurity and relforcerowsecurity)`,
    );
    expect(rows).toEqual([]);
  });

  it('a tenant -> sees its own row in every table; another sees none of them', async () => {
    const mine = await open().newScope();
    const theirs = await open().newScope();
    await fill(mine);
    expect(await open().database.read(mine, countAll)).toEqual({ ...all(1), items: 2 });
    expect(await open().database.read(theirs, countAll)).toEqual({ ...all(0), tenants: 1 });
  });

  it('another user of the tenant -> sees no row of any table with an owner; an administrator and the product see all', async () => {
    const mine = await open().newScope();
    await fill(mine);
    const { tenantId } = mine;
    const colleague = aScope({ tenantId, principalId: 'user-2' });
    expect(await open().database.read(colleague, countAll)).toEqual({
      ...all(0),
      ...Object.fromEntries(OF_TENANT.map((table) => [table, 1])),
    });
    for (const wide of [
      aScope({ tenantId, principalId: 'user-2', scopes: ['admin'] }),
      internalScope(tenantId, 'turn'),
    ])
      expect(await open().database.read(wide, countAll)).toEqual({ ...all(1), items: 2 });
  });

  it('every table of the schema -> has its line in this test', async () => {
    const { rows } = await open().sqlPool.pool.query<{ relname: string }>(
      `select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace
         and relname not like 'kysely%' order by relname`,
    );
    const unknown = rows.map(({ relname }) => relname).filter((name) => !TABLES.includes(name));
    expect(
      unknown,
      'add the table to TABLES and a row of it to fillTables() in test/support/filled-tables.ts, so that its row-level security is proven',
    ).toEqual([]);
  });

  it('the role without a tenant or a principal, or with empty ones -> no rows in any table', async () => {
    const scope = await open().newScope();
    await fill(scope);
    const tenantOnly = `begin; set local role turnstone_app; set local turnstone.tenant = '${scope.tenantId}'`;
    for (const table of TABLES) {
      if (!OF_TENANT.includes(table)) {
        expect(await rawCount(tenantOnly, table)).toBe(0);
        expect(await rawCount(`${tenantOnly}; set local turnstone.principal = ''`, table)).toBe(0);
      }
      expect(await rawCount('begin; set local role turnstone_app', table)).toBe(0);
      expect(await rawCount(`begin; set local role turnstone_app; set local turnstone.tenant = ''`, table)).toBe(0);
    }
  });

  it('the login role outside of a transaction of ours -> no rows in any table', async ({ skip }) => {
    if (open().sqlPool.kind === 'pglite') skip('the login role of PGlite is a superuser');
    await fill(await open().newScope());
    for (const table of TABLES) expect(await rawCount('begin', table)).toBe(0);
  });

  it('a tenant set in one transaction -> is gone in the next on the same connection', async () => {
    const scope = await open().newScope();
    await fill(scope);
    const { pool } = open().sqlPool;
    const client = await pool.connect();
    try {
      await client.query(asUser(scope));
      expect((await client.query('select 1 from turns')).rowCount).toBe(1);
      await client.query('commit');
      await client.query('begin; set local role turnstone_app');
      expect((await client.query('select 1 from turns')).rowCount).toBe(0);
      await client.query('rollback');
    } finally {
      client.release();
    }
  });

  it('a write under another tenant or another user -> refused by the database', async () => {
    const mine = await open().newScope();
    const theirs = await open().newScope();
    for (const [tenant_id, principal_id] of [
      [theirs.tenantId, mine.principalId],
      [mine.tenantId, 'user-2'],
    ] as const)
      await refusedWrite(mine, tenant_id, principal_id);
  });

  const refusedWrite = async (scope: Scope, tenant_id: string, principal_id: string): Promise<void> => {
    const writing = open().database.write(scope, (connection) =>
      connection
        .insertInto('files')
        .values({
          tenant_id,
          principal_id,
          id: newId('file'),
          filename: 'x',
          mime_type: 'text/plain',
          bytes: 1,
          sha256: 'bb',
          purpose: 'user_data',
          created_at: new Date(),
        })
        .execute(),
    );
    await expect(writing).rejects.toMatchObject({ code: 'server.internal' });
    await expect(writing).rejects.toThrow('42501');
  };

  it('a principal id with a quote, a backslash or a star -> refused before any SQL', async () => {
    for (const principalId of ["x'; reset role; --", 'x\\', '', '*', 'a b', '-', "x' or '1'='1"]) {
      const scope = aScope({ principalId });
      await expect(open().database.read(scope, countAll)).rejects.toMatchObject({ code: 'request.invalid' });
    }
  });

  it('a tenant id with a quote or a backslash -> refused before any SQL', async () => {
    for (const tenantId of ["x'; reset role; --", 'x\\', '', 'UPPER', 'a b', "x' or '1'='1"]) {
      const scope = aScope({ tenantId });
      await expect(open().database.read(scope, countAll)).rejects.toMatchObject({ code: 'request.invalid' });
      await expect(createApiKeyStore(open().database).ensureTenant(tenantId, 'x')).rejects.toMatchObject({
        code: 'request.invalid',
      });
    }
  });

  it('the system role -> cannot read contents it has no business with', async () => {
    for (const table of ['conversations', 'turn_steps', 'tool_calls', 'model_calls', 'files']) {
      await expect(rawCount('begin; set local role turnstone_system', table)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('search as a user -> the function applies tenant and principal, not the caller', async () => {
    const mine = await open().newScope();
    await fill(mine);
    const found = async (begin: string): Promise<number> => rawCount(begin, `turnstone_search('secret', 100)`);
    expect(await found(asUser(mine))).toBe(1);
    expect(await found(asUser({ ...mine, principalId: '*' }))).toBe(1);
    expect(await found(asUser({ ...mine, principalId: 'user-2' }))).toBe(0);
    expect(await found(`begin; set local role turnstone_app; set local turnstone.tenant = '${mine.tenantId}'`)).toBe(0);
    expect(await found('begin; set local role turnstone_app')).toBe(0);
    expect(await found(`begin; set local role turnstone_app; set local turnstone.tenant = 'nobody'`)).toBe(0);
  });

  it('migrate: two processes meet on a new database -> both end well, and it works', async ({ skip }) => {
    const { pool, kind } = open().sqlPool;
    if (kind === 'pglite') skip('PGlite has one process');
    const name = `meeting_${Date.now()}`;
    await pool.query(`create database ${name}`);
    const { host, port, user, password } = new pg.Client(pool.options);
    const pools = [1, 2].map(() => new pg.Pool({ host, port, user, password: password ?? undefined, database: name }));
    const databases = pools.map((each) =>
      createDatabase({ pool: each, kind, version: '', close: () => each.end() }, silentLogger),
    );
    try {
      await Promise.all(databases.map((database) => migrate(database)));
      const [first] = databases;
      if (first === undefined) throw new Error('no database was opened');
      await createApiKeyStore(first).ensureTenant('met', 'Met');
      expect(await first.read(aScope({ tenantId: 'met' }), countAll)).toEqual({ ...all(0), tenants: 1 });
    } finally {
      for (const each of pools) await each.end();
      await pool.query(`drop database ${name}`);
    }
  });

  it('roles: made by a login that is no superuser -> it may switch to them, and inherits nothing', async ({ skip }) => {
    if (open().sqlPool.kind === 'postgres') skip('every test of this half logs in as such a role');
    const dataDir = join(temporaryFolder(), 'database');
    await copyEmptyDatabase(dataDir);
    const fresh = await openPglite({ dataDir, logger: silentLogger });
    try {
      await fresh.pool.query('drop schema public cascade; drop role turnstone_app, turnstone_system');
      await fresh.pool.query('create role operator login createrole; set session authorization operator');
      await ensureRoles(createDatabase(fresh, silentLogger).owner);
      const { rows } = await fresh.pool.query(
        `select rolname, pg_has_role(current_user, oid, 'set') as switches, pg_has_role(current_user, oid, 'usage') as inherits
           from pg_roles where rolname like 'turnstone%' order by rolname`,
      );
      expect(rows).toEqual([
        { rolname: 'turnstone_app', switches: true, inherits: false },
        { rolname: 'turnstone_system', switches: true, inherits: false },
      ]);
    } finally {
      await fresh.close();
    }
  });

  it('migrate: again, and twice at once -> changes nothing and does not fail', async () => {
    const scope = await open().newScope();
    await fill(scope);
    await Promise.all([migrate(open().database), migrate(open().database)]);
    expect(await open().database.read(scope, countAll)).toEqual({ ...all(1), items: 2 });
  });
});
