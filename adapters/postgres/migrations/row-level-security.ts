/**
 * Roles and row-level security. `turnstone_app` sees the rows of the transaction's tenant and principal, `turnstone_system`
 * what the few system-wide methods need. Neither can log in or owns anything; the login role switches to one of them per transaction.
 */
import { sql } from 'kysely';
import type { Kysely } from 'kysely';

type Privilege = 'select' | 'insert' | 'update' | 'delete';

/** Any number that no other lock of ours uses. */
const ROLES_LOCK = 7_405_110_001;
const ROLES = ['turnstone_app', 'turnstone_system'] as const;

/**
 * Make the roles when missing and let the login role switch to them. Roles belong to the whole server, not to a database.
 *
 * Since PostgreSQL 16 a role without superuser is a member of the roles it makes that may not switch to them, and a grant
 * says whether switching and inheriting are part of it. The statements stand in text: older servers cannot read them.
 */
export async function ensureRoles(db: Kysely<unknown>): Promise<void> {
  for (const role of ROLES) {
    await sql
      .raw(
        `do $$ begin
          perform pg_advisory_xact_lock(${String(ROLES_LOCK)}); -- two processes of one installation, started together
          if not exists (select 1 from pg_roles where rolname = '${role}') then
            begin
              create role ${role} nologin;
            exception when duplicate_object or unique_violation then
              null; -- another database of this server is being set up at the same moment
            end;
          end if;
          if current_setting('server_version_num')::int >= 160000 then
            if not pg_has_role(current_user, '${role}', 'set') then
              execute 'grant ${role} to current_user with inherit false, set true';
            end if;
          elsif not pg_has_role(current_user, '${role}', 'member') then
            execute 'grant ${role} to current_user';
          end if;
        end $$`,
      )
      .execute(db);
  }
}

/** The rows of the transaction's tenant. */
const OF_TENANT = `tenant_id = current_setting('turnstone.tenant', true)`;
/**
 * Of these, the rows of the transaction's principal; `*` is the whole tenant, for administrators and the product's own work.
 * A setting that is missing is null or empty, and nobody has that name.
 */
const OF_OWNER = `${OF_TENANT} and (principal_id = current_setting('turnstone.principal', true)
          or current_setting('turnstone.principal', true) = '*')`;

type SystemGrants = Readonly<Record<string, readonly Privilege[]>>;

/**
 * Row-level security on tables that belong to a tenant as a whole: enabled, forced on the owner of the table, and closed to
 * every role but ours. Needs the column `tenant_id`. For what belongs to one user take `isolateOwners`.
 *
 * The rows of all tenants need the very role, not a membership: before PostgreSQL 16 the login role inherits what the
 * system role may do, and would see them in any statement outside of a transaction of ours.
 */
export async function isolateTenants(
  db: Kysely<unknown>,
  tables: readonly string[],
  systemGrants: SystemGrants,
): Promise<void> {
  await isolate(db, tables, systemGrants, { name: 'tenant_rows', condition: OF_TENANT });
}

/**
 * The same for tables whose rows belong to one principal of the tenant: they need the columns `tenant_id` and
 * `principal_id`, the latter in every row of a child table too, so that no policy has to look into another table.
 *
 * Other principals of the tenant see nothing; administrators and the product's own work see the tenant.
 */
export async function isolateOwners(
  db: Kysely<unknown>,
  tables: readonly string[],
  systemGrants: SystemGrants = {},
): Promise<void> {
  await isolate(db, tables, systemGrants, { name: 'owner_rows', condition: OF_OWNER });
}

/** For tables that `isolateTenants` was called for before they had an owner. */
export async function narrowToOwners(db: Kysely<unknown>, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    await sql.raw(`drop policy tenant_rows on ${table}`).execute(db);
    await sql.raw(policyFor(table, { name: 'owner_rows', condition: OF_OWNER })).execute(db);
  }
}

/** What a system-wide method needs of tables that are isolated already, and that no such method read or wrote before. */
export async function admitSystem(db: Kysely<unknown>, grants: SystemGrants): Promise<void> {
  for (const [table, privileges] of Object.entries(grants)) {
    for (const statement of systemStatements(table, privileges)) await sql.raw(statement).execute(db);
  }
}

function systemStatements(table: string, granted: readonly Privilege[]): readonly string[] {
  if (granted.length === 0) return [];
  return [
    `grant ${granted.join(', ')} on ${table} to turnstone_system`,
    `create policy system_rows on ${table} for all to turnstone_system
      using (current_user = 'turnstone_system') with check (current_user = 'turnstone_system')`,
  ];
}

interface Policy {
  readonly name: string;
  readonly condition: string;
}

function policyFor(table: string, { name, condition }: Policy): string {
  return `create policy ${name} on ${table} for all to turnstone_app using (${condition}) with check (${condition})`;
}

async function isolate(
  db: Kysely<unknown>,
  tables: readonly string[],
  systemGrants: SystemGrants,
  policy: Policy,
): Promise<void> {
  await sql
    .raw(
      `do $$ begin execute format('grant usage on schema %I to turnstone_app, turnstone_system', current_schema()); end $$`,
    )
    .execute(db);
  for (const table of tables) {
    const statements = [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
      `grant select, insert, update, delete on ${table} to turnstone_app`,
      policyFor(table, policy),
      ...systemStatements(table, systemGrants[table] ?? []),
    ];
    for (const statement of statements) await sql.raw(statement).execute(db);
  }
}
