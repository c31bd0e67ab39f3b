/** API keys and tenants in PostgreSQL. Keys are found by hash before there is a tenant, hence as the system role. */
import type { Selectable } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { ApiKey, ApiKeyStore, NewApiKey } from '../../domain/ports/api-key-store.js';
import { keyScopeSchema, tenantIdSchema } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection, Database } from './database.js';
import { owned } from './ownership.js';
import type { ApiKeyTable } from './schema.js';

const COLUMNS = [
  'tenant_id',
  'id',
  'principal_id',
  'name',
  'scopes',
  'hint',
  'created_at',
  'expires_at',
  'revoked_at',
] as const;

/** The store of API keys over a migrated database. */
export function createApiKeyStore(database: Database): ApiKeyStore {
  return {
    findByHash: (hash) =>
      database.system(async (connection) => {
        const row = await connection
          .selectFrom('api_keys as k')
          .leftJoin('revoked_principals as r', (join) =>
            join.onRef('r.tenant_id', '=', 'k.tenant_id').onRef('r.principal_id', '=', 'k.principal_id'),
          )
          .select(COLUMNS.map((column) => `k.${column}` as const))
          .select('r.revoked_at as user_revoked_at')
          .where('k.hash', '=', hash)
          .executeTakeFirst();
        return row === undefined ? null : fromRow({ ...row, revoked_at: row.revoked_at ?? row.user_revoked_at });
      }),
    create: (scope, key) => database.write(scope, (connection) => insert(connection, scope, key)),
    list: (scope) => database.read(scope, (connection) => list(connection, scope)),
    revoke: (scope, id) =>
      database.write(scope, async (connection) => {
        const { numUpdatedRows } = await connection
          .updateTable('api_keys')
          .set((is) => ({ revoked_at: is.fn.coalesce('revoked_at', is.val(new Date())) }))
          .where(owned(scope))
          .where('id', '=', id)
          .executeTakeFirst();
        return numUpdatedRows === 1n;
      }),
    ensureTenant: async (tenantId, name) => {
      requireTenantId(tenantId);
      await database.system((connection) =>
        connection
          .insertInto('tenants')
          .values({ tenant_id: tenantId, name })
          .onConflict((conflict) => conflict.column('tenant_id').doNothing())
          .execute(),
      );
    },
    hasAdminKey: (tenantId) => database.system((connection) => hasAdminKey(connection, tenantId)),
  };
}

async function insert(connection: Connection, scope: Scope, key: NewApiKey): Promise<ApiKey> {
  const row = await connection
    .insertInto('api_keys')
    .values({
      tenant_id: scope.tenantId,
      id: key.id,
      principal_id: key.principalId,
      name: key.name,
      scopes: [...key.scopes],
      hint: key.hint,
      hash: key.hash,
      created_at: new Date(),
      expires_at: key.expiresAtMs === null ? null : new Date(key.expiresAtMs),
      revoked_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning(COLUMNS)
    .executeTakeFirst();
  if (row === undefined)
    throw failure('request.invalid', 'an API key with this id or value is there already; make a new one');
  return fromRow(row);
}

async function list(connection: Connection, scope: Scope): Promise<readonly ApiKey[]> {
  const rows = await connection
    .selectFrom('api_keys')
    .select(COLUMNS)
    .where(owned(scope))
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(fromRow);
}

async function hasAdminKey(connection: Connection, tenantId: string): Promise<boolean> {
  const rows = await connection
    .selectFrom('api_keys as k')
    .leftJoin('revoked_principals as r', (join) =>
      join.onRef('r.tenant_id', '=', 'k.tenant_id').onRef('r.principal_id', '=', 'k.principal_id'),
    )
    .select(['k.scopes', 'k.expires_at'])
    .where('k.tenant_id', '=', tenantId)
    .where('k.revoked_at', 'is', null)
    .where('r.revoked_at', 'is', null)
    .execute();
  const now = Date.now();
  return rows.some(({ scopes, expires_at }) => scopes.includes('admin') && (expires_at?.getTime() ?? Infinity) > now);
}

function requireTenantId(tenantId: string): void {
  if (tenantIdSchema.safeParse(tenantId).success) return;
  throw failure(
    'request.invalid',
    'the tenant id is not valid: lower-case letters, digits, _ and -, at most 63 characters',
  );
}

function fromRow(row: Omit<Selectable<ApiKeyTable>, 'hash'>): ApiKey {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    principalId: row.principal_id,
    name: row.name,
    scopes: row.scopes.map((scope) => keyScopeSchema.parse(scope)),
    hint: row.hint,
    createdAtMs: row.created_at.getTime(),
    expiresAtMs: row.expires_at?.getTime() ?? null,
    revokedAtMs: row.revoked_at?.getTime() ?? null,
  };
}
