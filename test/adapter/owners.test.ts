/**
 * Proven: what belongs to a user stays whole and theirs when others of the tenant do the same things beside them: equal
 * idempotency keys, equal file contents, an administrator in their conversation; and what was there before there were owners.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Migrator, sql } from 'kysely';
import { expect, it } from 'vitest';
import { createFolderFileStore } from '../../adapters/files/folder-file-store.js';
import { createApiKeyStore } from '../../adapters/postgres/api-key-store.js';
import { createConversationStore } from '../../adapters/postgres/conversation-store.js';
import { createFileIndex } from '../../adapters/postgres/file-index.js';
import { turnsMigration } from '../../adapters/postgres/migrations/0001-turns.js';
import { ownershipMigration } from '../../adapters/postgres/migrations/0002-ownership.js';
import { createTenantDirectory } from '../../adapters/postgres/tenant-directory.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { newId } from '../../domain/ids.js';
import type { NewApiKey } from '../../domain/ports/api-key-store.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { describeOnDatabases } from '../support/database.js';
import { aScope } from '../support/scope-builders.js';
import { aCallingStep, aMessage, anAnswer, aNewTurn, aStepCommit, aToolItem } from '../support/turn-builders.js';

const aKeyOf = (principalId: string): NewApiKey => ({
  id: newId('apiKey'),
  principalId,
  name: 'k',
  scopes: ['read'],
  hint: 'ts_1',
  expiresAtMs: null,
  hash: newId('apiKey'),
});
const asColleague = (scope: Scope): Scope => aScope({ tenantId: scope.tenantId, principalId: 'user-2' });
const asAdmin = (scope: Scope): Scope => aScope({ tenantId: scope.tenantId, principalId: 'ops', scopes: ['admin'] });

describeOnDatabases('owners', (open) => {
  it('the same idempotency key and body from two users -> two turns; from one user -> the turn it made', async () => {
    const turns = createTurnStore(open().database);
    const mine = await open().newScope();
    const theirs = asColleague(mine);
    const asked = (): ReturnType<typeof aNewTurn> => aNewTurn({ idempotencyKey: 'guess', requestHash: 'same' });
    const first = await turns.accept(mine, asked());
    const other = await turns.accept(theirs, asked());
    expect(other).toMatchObject({ kind: 'accepted', turn: { principalId: 'user-2' } });
    expect(await turns.accept(mine, asked())).toMatchObject({ kind: 'replayed', turn: { id: first.turn.id } });
    expect(await turns.accept(theirs, asked())).toMatchObject({ kind: 'replayed', turn: { id: other.turn.id } });
  });

  it('an administrator in a user’s conversation -> what is added belongs to the user, who sees all of it', async () => {
    const turns = createTurnStore(open().database);
    const conversations = createConversationStore(open().database);
    const mine = await open().newScope();
    const { id } = await conversations.create(mine, { id: newId('conversation'), title: null, metadata: {} });
    const admin = asAdmin(mine);
    await conversations.addItems(admin, id, newId('response'), [aMessage('a note')]);
    const { turn } = await turns.accept(admin, aNewTurn({ conversationId: id, input: [aMessage('asked by ops')] }));
    await turns.commitStep(
      internalScope(mine.tenantId, 'turn'),
      aStepCommit({ turnId: turn.id, items: [anAnswer('answered')] }),
    );
    expect(turn.principalId).toBe(mine.principalId);
    const { items } = await conversations.items(mine, id, { after: null, limit: 10, order: 'asc' });
    expect(items.map(({ direction }) => direction)).toEqual(['input', 'input', 'output']);
  });

  it('a revoked user -> no turn is accepted, no step begins; a committed step is still answered', async () => {
    const { database } = open();
    const turns = createTurnStore(database);
    const mine = await open().newScope();
    const admin = asAdmin(mine);
    const product = internalScope(mine.tenantId, 'turn');
    const { turn } = await turns.accept(mine, aNewTurn());
    await turns.commitStep(product, aCallingStep(turn.id, aToolItem()));
    await createApiKeyStore(database).create(admin, aKeyOf(mine.principalId));
    const directory = createTenantDirectory(database);
    expect(await directory.openTurns(admin, mine.principalId, 10)).toMatchObject([{ turnId: turn.id }]);
    expect(await directory.revokeUser(admin, mine.principalId)).toMatchObject({ liveKeys: 1 });
    await expect(turns.claimStep(product, { turnId: turn.id, step: 2 })).rejects.toMatchObject({
      code: 'user.revoked',
    });
    await expect(turns.accept(mine, aNewTurn())).rejects.toMatchObject({ code: 'user.revoked' });
    expect((await turns.claimStep(product, { turnId: turn.id, step: 1 })).committed).not.toBeNull();
    expect(await directory.restoreUser(admin, mine.principalId)).toMatchObject({ revokedAtMs: null });
    expect((await turns.claimStep(product, { turnId: turn.id, step: 2 })).committed).toBeNull();
  });

  it('users: those of the tenant, by id; a key dies and lives with its user; a tenant is made once', async () => {
    const { database } = open();
    const keys = createApiKeyStore(database);
    const directory = createTenantDirectory(database);
    const admin = asAdmin(await open().newScope());
    const key = aKeyOf('anna');
    await keys.create(admin, key);
    await keys.create(admin, aKeyOf('ben'));
    expect((await directory.listUsers(admin, null)).map(({ principalId }) => principalId)).toEqual(['anna', 'ben']);
    expect((await directory.listUsers(admin, 'anna')).map(({ principalId }) => principalId)).toEqual(['ben']);
    const first = await directory.revokeUser(admin, 'anna');
    expect(await directory.revokeUser(admin, 'anna')).toEqual(first);
    expect(await keys.findByHash(key.hash)).toMatchObject({ revokedAtMs: first?.revokedAtMs });
    expect(await directory.revokeUser(admin, 'nobody')).toBeNull();
    expect(await directory.revokeUser(asAdmin(await open().newScope()), 'anna')).toBeNull();
    await directory.restoreUser(admin, 'anna');
    expect(await keys.findByHash(key.hash)).toMatchObject({ revokedAtMs: null });
    const id = `t-${newId('request').slice(4)}`;
    expect(await directory.createTenant(id, 'New')).toMatchObject({ id, name: 'New' });
    // Its maker may have died before the first key: it can be made again until there was one.
    expect(await directory.createTenant(id, 'Again')).toMatchObject({ id, name: 'New' });
    await keys.create(asAdmin(aScope({ tenantId: id })), aKeyOf('first'));
    expect(await directory.createTenant(id, 'Again')).toBeNull();
    expect((await directory.listTenants(null)).map((tenant) => tenant.id)).toContain(id);
    await expect(directory.createTenant('No Such', 'x')).rejects.toMatchObject({ code: 'request.invalid' });
  });

  it('the product itself -> may own nothing', async () => {
    const mine = await open().newScope();
    const creating = createConversationStore(open().database).create(internalScope(mine.tenantId, 'turn'), {
      id: newId('conversation'),
      title: null,
      metadata: {},
    });
    await expect(creating).rejects.toMatchObject({ code: 'server.internal' });
  });

  it('the same bytes of two users -> each has a file of their own; the bytes stay until the last is gone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'turnstone-owners-'));
    try {
      const files = createFolderFileStore({ folder, index: createFileIndex(open().database) });
      const mine = await open().newScope();
      const theirs = asColleague(mine);
      const file = {
        filename: 'a.txt',
        mimeType: 'text/plain',
        purpose: 'user_data',
        content: Buffer.from('x'),
      } as const;
      const first = await files.put(mine, file);
      const second = await files.put(theirs, file);
      expect(await files.get(theirs, first.id)).toBeNull();
      await expect(files.read(theirs, first.id)).rejects.toMatchObject({ code: 'file.not-found' });
      expect(await files.remove(theirs, first.id)).toBe(false);
      expect(await files.remove(mine, first.id)).toBe(true);
      expect(Buffer.from(await files.read(theirs, second.id)).toString()).toBe('x');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('rows from before there were owners -> go to the owner of their conversation, chain or first use', async () => {
    const { owner } = open().database;
    const schema = `before_${String(Date.now())}`;
    const file = 'file_01h00000000000000000000000';
    const rows = await owner.connection().execute(async (connection) => {
      await sql.raw(`create schema ${schema}; set search_path = ${schema}`).execute(connection);
      const to = (migrations: object): Migrator =>
        new Migrator({
          db: connection,
          provider: { getMigrations: () => Promise.resolve(migrations as never) },
          migrationTableSchema: schema,
        });
      try {
        const first = await to({ a: turnsMigration }).migrateToLatest();
        if (first.error !== undefined) throw first.error as Error;
        for (const statement of oldRows(file)) await sql.raw(statement).execute(connection);
        const second = await to({ a: turnsMigration, b: ownershipMigration }).migrateToLatest();
        if (second.error !== undefined) throw second.error as Error;
        await sql.raw('begin').execute(connection);
        for (const table of ['turns', 'items', 'files']) {
          await sql.raw(`alter table ${table} no force row level security`).execute(connection);
        }
        const found = await sql<{ id: string; owner: string }>`
          select id, principal_id as owner from turns
          union all select 'item of ' || turn_id, principal_id from items
          union all select id, principal_id from files order by 1`.execute(connection);
        await sql.raw('rollback').execute(connection);
        return found.rows;
      } finally {
        await sql.raw(`reset role; drop schema ${schema} cascade; reset search_path`).execute(connection);
      }
    });
    expect(Object.fromEntries(rows.map(({ id, owner: whose }) => [id, whose]))).toEqual({
      resp_1: 'anna',
      resp_2: 'anna',
      resp_3: 'ben',
      resp_4: 'ben',
      'item of resp_2': 'anna',
      [file]: 'anna',
      file_2: '-',
    });
  });
});

/** Written before 0002: Ben wrote into Anna's conversation and Carl went on from Ben's response. */
function oldRows(file: string): string[] {
  const turn = (
    id: string,
    principal: string,
    conversation: string | null,
    parent: string | null,
    depth: number,
  ): string =>
    `insert into turns (tenant_id, id, principal_id, kind, conversation_id, parent_id, depth, status, settings, metadata,
       background, stored, request_id, created_at)
     values ('t', '${id}', '${principal}', 'response', ${conversation === null ? 'null' : `'${conversation}'`},
       ${parent === null ? 'null' : `'${parent}'`}, ${String(depth)}, 'completed', '{}', '{}', false, true, 'r', now())`;
  return [
    ...['tenants', 'conversations', 'turns', 'items', 'files'].map(
      (table) => `alter table ${table} no force row level security`,
    ),
    `insert into tenants (tenant_id, name) values ('t', 'T')`,
    `insert into conversations (tenant_id, id, principal_id, metadata, created_at, updated_at)
     values ('t', 'conv_1', 'anna', '{}', now(), now())`,
    turn('resp_1', 'anna', 'conv_1', null, 0),
    turn('resp_2', 'ben', 'conv_1', 'resp_1', 1),
    turn('resp_3', 'ben', null, null, 0),
    turn('resp_4', 'carl', null, 'resp_3', 1),
    `insert into items (tenant_id, turn_id, step, index, direction, item_id, type, data, text)
     values ('t', 'resp_2', 0, 0, 'input', 'msg_1', 'message', '{"content":[{"file_id":"${file}"}]}', '')`,
    ...[file, 'file_2'].map(
      (id) =>
        `insert into files (tenant_id, id, filename, mime_type, bytes, sha256, purpose, created_at)
         values ('t', '${id}', 'a', 'text/plain', 1, 'aa', 'user_data', now())`,
    ),
  ];
}
