/**
 * Every row belongs to a tenant and, within it, to a principal; row-level security holds both.
 *
 * `principal_id` stands in the rows of child tables too: a policy that looked into the parent's table would do so for each
 * row of a long conversation. As in 0001 no index begins with the tenant or the principal alone, for the same reason.
 *
 * Before this migration principals of a tenant shared what was in it. What was there goes to whom its conversation belongs,
 * responses without one to whom the first response of their chain belongs; files have no owner in older rows, so they go to
 * whom the oldest turn that names them belongs, and the others to nobody: administrators still see them.
 */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { isolateOwners, narrowToOwners } from './row-level-security.js';

const OWNED = ['conversations', 'turns', 'turn_steps', 'items', 'tool_calls', 'model_calls', 'api_keys', 'files'];
/** The tables that get the column here. */
const WITHOUT_OWNER = ['turn_steps', 'items', 'tool_calls', 'files'] as const;
/** No principal id is like this one. */
const NOBODY = '-';

export const ownershipMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // Forced row-level security holds the login role too, which would find no rows to give owners to.
    const unforced = OWNED.map((table) => `alter table ${table} no force row level security`);
    const forced = OWNED.map((table) => `alter table ${table} force row level security`);
    for (const statement of [...unforced, ...OWNERS, ...INDEXES, ...forced]) await sql.raw(statement).execute(db);
    await narrowToOwners(db, OWNED);
    for (const statement of [...SEARCH, ...REVOCATION]) await sql.raw(statement).execute(db);
    await isolateOwners(db, ['revoked_principals'], { revoked_principals: ['select'] });
  },
};

const OWNERS = [
  ...WITHOUT_OWNER.map((table) => `alter table ${table} add column principal_id text`),
  `update turns t set principal_id = c.principal_id from conversations c
    where c.tenant_id = t.tenant_id and c.id = t.conversation_id and c.principal_id <> t.principal_id`,
  `with recursive tree as (
      select t.tenant_id, t.id, t.principal_id, t.depth from turns t
      where t.conversation_id is null and (t.parent_id is null or not exists (
        select 1 from turns p where p.tenant_id = t.tenant_id and p.id = t.parent_id))
      union all
      select c.tenant_id, c.id, t.principal_id, c.depth
      from tree t join turns c on c.tenant_id = t.tenant_id and c.parent_id = t.id
      where c.conversation_id is null and c.depth > t.depth)
    update turns t set principal_id = tree.principal_id from tree
    where tree.tenant_id = t.tenant_id and tree.id = t.id and tree.principal_id <> t.principal_id`,
  `update model_calls m set principal_id = t.principal_id from turns t
    where t.tenant_id = m.tenant_id and t.id = m.turn_id and t.principal_id <> m.principal_id`,
  ...['turn_steps', 'items', 'tool_calls'].map(
    (table) => `update ${table} x set principal_id = t.principal_id from turns t
      where t.tenant_id = x.tenant_id and t.id = x.turn_id`,
  ),
  `with named as (
      select distinct on (i.tenant_id, m.ids[1]) i.tenant_id, m.ids[1] as file_id, i.principal_id
      from items i join turns t on t.tenant_id = i.tenant_id and t.id = i.turn_id,
        regexp_matches(i.data::text, '"(file_[0-9a-z]{1,64})"', 'g') as m(ids)
      order by i.tenant_id, m.ids[1], t.created_at)
    update files f set principal_id = named.principal_id from named
    where named.tenant_id = f.tenant_id and named.file_id = f.id`,
  `update files set principal_id = '${NOBODY}' where principal_id is null`,
  ...WITHOUT_OWNER.map((table) => `alter table ${table} alter column principal_id set not null`),
];

const INDEXES = [
  // The same key of another principal is another key: nobody learns or replays what somebody else asked.
  'drop index turns_idempotency',
  `create unique index turns_idempotency on turns (idempotency_key, principal_id, tenant_id)
    where idempotency_key is not null`,
  `create index conversations_recent_own on conversations ((tenant_id || '/' || principal_id), updated_at, id)`,
  `create index turns_open_own on turns ((tenant_id || '/' || principal_id)) where status in ('queued', 'in_progress')`,
];

/** As in 0001, with the principal; the function belongs to the system role, which may make things only for this moment. */
const SEARCH = [
  `do $$ begin execute format('grant create on schema %I to turnstone_system', current_schema()); end $$`,
  'set local role turnstone_system',
  `create or replace function turnstone_search(query text, row_limit integer)
    returns table (conversation_id text, turn_id text, step integer, index integer, rank double precision)
    language sql stable security definer as $$
      with found as materialized (
        select i.tenant_id, i.turn_id, i.step, i.index, i.search from items i
        where i.search @@ websearch_to_tsquery('simple', query)
          and i.tenant_id = current_setting('turnstone.tenant', true)
          and (i.principal_id = current_setting('turnstone.principal', true)
            or current_setting('turnstone.principal', true) = '*')),
      newest as materialized (
        select t.conversation_id, f.turn_id, f.step, f.index, f.search
        from found f join turns t on t.tenant_id = f.tenant_id and t.id = f.turn_id
        where t.conversation_id is not null
        order by t.created_at desc
        limit row_limit)
      select n.conversation_id, n.turn_id, n.step, n.index,
        ts_rank_cd(n.search, websearch_to_tsquery('simple', query))::double precision
      from newest n
    $$`,
  `do $$ begin
    execute format('alter function turnstone_search(text, integer) set search_path = %I, pg_temp', current_schema());
  end $$`,
  'reset role',
  `do $$ begin execute format('revoke create on schema %I from turnstone_system', current_schema()); end $$`,
];

/** A row is a revoked user: all their keys are dead, and no step of their turns begins. */
const REVOCATION = [
  `create table revoked_principals (
    tenant_id text not null references tenants on delete cascade,
    principal_id text not null,
    revoked_at timestamptz not null,
    primary key (principal_id, tenant_id)
  )`,
];
