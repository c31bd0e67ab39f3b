/** Wrapped tenant keys in PostgreSQL. */
import type { Selectable } from 'kysely';
import type { TenantKeyStore, WrappedTenantKey } from '../../domain/ports/tenant-key-store.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection, Database } from './database.js';
import type { TenantKeyTable } from './schema.js';

/** Keys are the tenant's, not a person's. */
const asTenant = (tenantId: string): Scope => ({ tenantId, principalId: 'server', scopes: [] });

export function createTenantKeyStore(database: Database): TenantKeyStore {
  return {
    list: (tenantId) =>
      database.read(asTenant(tenantId), async (connection) => {
        const rows = await connection
          .selectFrom('tenant_keys')
          .selectAll()
          .where('tenant_id', '=', tenantId)
          .orderBy('created_at', 'desc')
          .execute();
        return rows.map(fromRow);
      }),
    addFirst: (key) =>
      database.write(asTenant(key.tenantId), async (connection) => {
        await insert(connection, key);
      }),
    replace: (key) =>
      database.write(asTenant(key.tenantId), async (connection) => {
        await connection
          .updateTable('tenant_keys')
          .set({ retired_at: new Date(key.createdAtMs) })
          .where('tenant_id', '=', key.tenantId)
          .where('retired_at', 'is', null)
          .execute();
        await insert(connection, key);
      }),
    listWrappedByOthers: (masterId) =>
      database.system(async (connection) => {
        const rows = await connection
          .selectFrom('tenant_keys')
          .selectAll()
          .where('master_id', '<>', masterId)
          .execute();
        return rows.map(fromRow);
      }),
    rewrap: (key, from) =>
      database.system(async (connection) => {
        await connection
          .updateTable('tenant_keys')
          .set({ wrapped: Buffer.from(key.wrapped), master_id: key.masterId })
          .where('tenant_id', '=', key.tenantId)
          .where('id', '=', key.id)
          .where('master_id', '=', from)
          .execute();
      }),
  };
}

/** Another process that was faster has its key in use already: then this one is not kept. */
async function insert(connection: Connection, key: WrappedTenantKey): Promise<void> {
  await connection
    .insertInto('tenant_keys')
    .values({
      tenant_id: key.tenantId,
      id: key.id,
      master_id: key.masterId,
      wrapped: Buffer.from(key.wrapped),
      created_at: new Date(key.createdAtMs),
      retired_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

function fromRow(row: Selectable<TenantKeyTable>): WrappedTenantKey {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    masterId: row.master_id,
    wrapped: row.wrapped,
    createdAtMs: row.created_at.getTime(),
    retiredAtMs: row.retired_at?.getTime() ?? null,
  };
}
