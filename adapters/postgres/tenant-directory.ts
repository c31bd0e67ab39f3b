/** Tenants and users in PostgreSQL. Tenants are made as the system role, since nobody is inside a tenant that is not there. */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { Tenant, TenantDirectory, TenantUser } from '../../domain/ports/tenant-directory.js';
import { tenantIdSchema } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection, Database } from './database.js';
import { owned } from './ownership.js';

const MAX_LISTED = 1_000;

/** The directory over a migrated database. */
export function createTenantDirectory(database: Database): TenantDirectory {
  return {
    createTenant: (id, name) => database.system((connection) => createTenant(connection, id, name)),
    listTenants: (after) =>
      database.system(async (connection) => {
        const { rows } = await sql<TenantRow>`
          select tenant_id, name, created_at from tenants where ${after}::text is null or tenant_id > ${after}::text
          order by tenant_id limit ${MAX_LISTED}::integer`.execute(connection);
        return rows.map(toTenant);
      }),
    listUsers: (scope, after) =>
      database.read(scope, async (connection) => readUsers(connection, scope, { after, principalId: null })),
    revokeUser: (scope, principalId) =>
      database.write(scope, async (connection) => {
        const [user] = await readUsers(connection, scope, { after: null, principalId });
        if (user === undefined) return null;
        const { rows } = await sql<{ revoked_at: Date }>`
          insert into revoked_principals as r (tenant_id, principal_id, revoked_at)
          values (${scope.tenantId}::text, ${principalId}::text, ${new Date()}::timestamptz)
          on conflict (tenant_id, principal_id) do update set revoked_at = r.revoked_at
          returning revoked_at`.execute(connection);
        return { ...user, revokedAtMs: rows[0]?.revoked_at.getTime() ?? Date.now() };
      }),
    restoreUser: (scope, principalId) =>
      database.write(scope, async (connection) => {
        const [user] = await readUsers(connection, scope, { after: null, principalId });
        if (user === undefined) return null;
        await sql`delete from revoked_principals where ${owned(scope)} and principal_id = ${principalId}::text`.execute(
          connection,
        );
        return { ...user, revokedAtMs: null };
      }),
    isRevoked: (scope, principalId) =>
      database.read(scope, async (connection) => {
        const { rows } = await sql`
          select 1 from revoked_principals
          where ${owned(scope)} and principal_id = ${principalId}::text`.execute(connection);
        return rows.length > 0;
      }),
    openTurns: (scope, principalId, limit) =>
      database.read(scope, async (connection) => {
        const { rows } = await sql<{ id: string; conversation_id: string | null }>`
          select id, conversation_id from turns
          where (tenant_id || '/' || principal_id) = ${`${scope.tenantId}/${principalId}`}::text
            and status in ('queued', 'in_progress')
          order by created_at, id limit ${limit}::integer`.execute(connection);
        return rows.map(({ id, conversation_id }) => ({ turnId: id, conversationId: conversation_id }));
      }),
  };
}

async function createTenant(connection: Connection, id: string, name: string): Promise<Tenant | null> {
  if (!tenantIdSchema.safeParse(id).success) {
    throw failure(
      'request.invalid',
      'the tenant id is not valid: lower-case letters, digits, _ and -, at most 63 characters',
    );
  }
  const { rows } = await sql<TenantRow>`
    insert into tenants (tenant_id, name) values (${id}::text, ${name}::text)
    on conflict (tenant_id) do nothing returning tenant_id, name, created_at`.execute(connection);
  return rows[0] === undefined ? readBegun(connection, id) : toTenant(rows[0]);
}

/** A process died before it made the tenant's first key: nobody was ever in it, and nobody could make that key later. */
async function readBegun(connection: Connection, id: string): Promise<Tenant | null> {
  const { rows } = await sql<TenantRow>`
    select tenant_id, name, created_at from tenants
    where tenant_id = ${id}::text and not exists (select 1 from api_keys k where k.tenant_id = ${id}::text)`.execute(
    connection,
  );
  return rows[0] === undefined ? null : toTenant(rows[0]);
}

interface UserRow {
  readonly principal_id: string;
  readonly live_keys: string;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

/** Keys are few: the users of a tenant are counted from them, not kept beside them. */
async function readUsers(
  connection: Connection,
  scope: Scope,
  which: { after: string | null; principalId: string | null },
): Promise<readonly TenantUser[]> {
  const { rows } = await sql<UserRow>`
    select k.principal_id, min(k.created_at) as created_at,
      count(*) filter (where k.revoked_at is null and (k.expires_at is null or k.expires_at > ${new Date()}::timestamptz))
        as live_keys,
      (select r.revoked_at from revoked_principals r
        where r.tenant_id = k.tenant_id and r.principal_id = k.principal_id) as revoked_at
    from api_keys k
    where ${owned(scope, 'k')}
      and (${which.principalId}::text is null or k.principal_id = ${which.principalId}::text)
      and (${which.after}::text is null or k.principal_id > ${which.after}::text)
    group by k.tenant_id, k.principal_id
    order by k.principal_id limit ${MAX_LISTED}::integer`.execute(connection);
  return rows.map((row) => ({
    principalId: row.principal_id,
    liveKeys: Number(row.live_keys),
    createdAtMs: row.created_at.getTime(),
    revokedAtMs: row.revoked_at?.getTime() ?? null,
  }));
}

interface TenantRow {
  readonly tenant_id: string;
  readonly name: string;
  readonly created_at: Date;
}

function toTenant(row: TenantRow): Tenant {
  return { id: row.tenant_id, name: row.name, createdAtMs: row.created_at.getTime() };
}
