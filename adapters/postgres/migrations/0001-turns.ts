/**
 * The first tables. Every table carries `tenant_id` in its primary key, and row-level security that fails closed: without
 * the role and the tenant of a transaction there are no rows.
 *
 * No index begins with `tenant_id`, on purpose: row-level security adds `tenant_id = …` to every query, and on a database
 * without statistics (a new one; PGlite gathers none at all) the planner holds an index on the tenant for as good as one
 * on the id, and would read all rows of the tenant to find one. Lists of a tenant have an index on `lower(tenant_id)`.
 */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { isolateTenants } from './row-level-security.js';

/** Longest text that is searched: a tsvector holds at most 1 MB. */
export const SEARCH_TEXT_MAX_CHARS = 100_000;

const TABLES = [
  'tenants',
  'conversations',
  'turns',
  'turn_steps',
  'items',
  'tool_calls',
  'model_calls',
  'api_keys',
  'files',
] as const;

export const turnsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of [...CONVERSATIONS, ...TURNS, ...STEPS, ...KEYS_AND_FILES])
      await sql.raw(statement).execute(db);
    await isolateTenants(db, TABLES, SYSTEM_GRANTS);
    for (const statement of SEARCH) await sql.raw(statement).execute(db);
  },
};

/** What the few system-wide methods of the stores do, and no more. */
const SYSTEM_GRANTS = {
  tenants: ['select', 'insert'],
  turns: ['select', 'delete'],
  api_keys: ['select'],
  items: ['select'],
} as const;

const CONVERSATIONS = [
  `create table tenants (
    tenant_id text primary key,
    name text not null,
    created_at timestamptz not null default now()
  )`,
  `create table conversations (
    tenant_id text not null references tenants on delete cascade,
    id text not null,
    principal_id text not null,
    title text,
    metadata jsonb not null,
    archived boolean not null default false,
    head_turn_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    title_search tsvector generated always as (to_tsvector('simple', coalesce(title, ''))) stored,
    primary key (id, tenant_id)
  )`,
  'create index conversations_recent on conversations (lower(tenant_id), updated_at, id)',
];

const TURNS = [
  // `depth` grows from parent to child, so that walking up a chain ends whatever the rows say.
  `create table turns (
    tenant_id text not null references tenants on delete cascade,
    id text not null,
    principal_id text not null,
    kind text not null check (kind in ('response', 'items')),
    conversation_id text,
    parent_id text,
    depth integer not null check (depth >= 0),
    status text not null check (status in ('queued', 'in_progress', 'completed', 'failed', 'incomplete', 'cancelled')),
    settings jsonb not null,
    metadata jsonb not null,
    background boolean not null,
    stored boolean not null,
    request_id text not null,
    idempotency_key text,
    request_hash text,
    input_tokens bigint not null default 0,
    cached_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    reasoning_tokens bigint not null default 0,
    usage_estimated boolean not null default false,
    cost_micros bigint not null default 0,
    cost_incomplete boolean not null default false,
    error jsonb,
    incomplete_reason text,
    answered_by text,
    next_sequence bigint not null default 0,
    last_sequence bigint,
    created_at timestamptz not null,
    completed_at timestamptz,
    primary key (id, tenant_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
  )`,
  `create unique index turns_idempotency on turns (idempotency_key, tenant_id) where idempotency_key is not null`,
  `create unique index turns_one_open on turns (conversation_id, tenant_id)
    where kind = 'response' and status in ('queued', 'in_progress') and conversation_id is not null`,
  `create index turns_of_conversation on turns (conversation_id) where conversation_id is not null`,
  `create index turns_children on turns (parent_id) where parent_id is not null`,
  `create index turns_open on turns (created_at) where status in ('queued', 'in_progress')`,
  `create index turns_unstored on turns (completed_at) where not stored`,
];

const STEPS = [
  `create table turn_steps (
    tenant_id text not null,
    turn_id text not null,
    step integer not null,
    attempt integer not null,
    result jsonb,
    claimed_at timestamptz not null,
    committed_at timestamptz,
    primary key (turn_id, step, tenant_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
  )`,
  `create table items (
    tenant_id text not null,
    turn_id text not null,
    step integer not null,
    index integer not null,
    direction text not null check (direction in ('input', 'output')),
    item_id text not null,
    type text not null,
    data jsonb not null,
    text text not null,
    search tsvector generated always as (to_tsvector('simple', left(text, ${String(SEARCH_TEXT_MAX_CHARS)}))) stored,
    primary key (turn_id, step, index, tenant_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
  )`,
  'create index items_by_id on items (item_id)',
  'create index items_search on items using gin (search)',
  `create index items_compactions on items (turn_id) where type = 'compaction'`,
  `create table tool_calls (
    tenant_id text not null,
    turn_id text not null,
    step integer not null,
    call_index integer not null,
    item_id text not null,
    model_call_id text not null,
    name text not null,
    kind text not null check (kind in ('tool', 'client')),
    arguments text not null,
    effect text not null check (effect in ('read', 'keyed', 'unkeyed')),
    item_type text not null,
    status text not null check (status in ('pending', 'running', 'completed', 'failed', 'outcome_unknown', 'cancelled')),
    attempt integer not null default 0,
    result text,
    full_result text,
    result_hash text,
    error jsonb,
    duration_ms bigint,
    started_at timestamptz,
    finished_at timestamptz,
    primary key (turn_id, step, call_index, tenant_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
  )`,
  'create index tool_calls_by_item on tool_calls (item_id)',
  // The ledger outlives the turns it counts: deleting a conversation does not make its cost undone.
  `create table model_calls (
    tenant_id text not null references tenants on delete cascade,
    turn_id text not null,
    step integer not null,
    attempt integer not null,
    index integer not null,
    principal_id text not null,
    model text not null,
    outcome text not null check (outcome in ('completed', 'failed', 'cancelled')),
    failure_code text,
    input_tokens bigint not null,
    cached_tokens bigint not null,
    output_tokens bigint not null,
    reasoning_tokens bigint not null,
    usage_estimated boolean not null,
    cost_micros bigint,
    first_token_ms bigint,
    duration_ms bigint not null,
    created_at timestamptz not null,
    primary key (turn_id, step, attempt, index, tenant_id)
  )`,
  'create index model_calls_recent on model_calls (lower(tenant_id), created_at)',
];

const KEYS_AND_FILES = [
  `create table api_keys (
    tenant_id text not null references tenants on delete cascade,
    id text not null,
    principal_id text not null,
    name text not null,
    scopes text[] not null,
    hint text not null,
    hash text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    primary key (id, tenant_id)
  )`,
  'create unique index api_keys_hash on api_keys (hash)',
  `create table files (
    tenant_id text not null references tenants on delete cascade,
    id text not null,
    filename text not null,
    mime_type text not null,
    bytes bigint not null,
    sha256 text not null,
    purpose text not null check (purpose in ('user_data', 'assistant_output')),
    created_at timestamptz not null,
    primary key (id, tenant_id)
  )`,
  'create index files_by_content on files (sha256)',
];

/**
 * Full-text search runs as the system role, since a policy with a tenant keeps the planner from the search index (the match
 * operator is not leakproof). The function applies the tenant itself, so it fails closed like the tables do.
 */
const SEARCH = [
  `create function turnstone_search(query text, row_limit integer)
    returns table (conversation_id text, turn_id text, step integer, index integer, rank double precision)
    language sql stable security definer as $$
      with found as materialized (
        select i.tenant_id, i.turn_id, i.step, i.index, i.search from items i
        where i.search @@ websearch_to_tsquery('simple', query)
          and i.tenant_id = current_setting('turnstone.tenant', true)),
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
    execute format('grant create on schema %I to turnstone_system', current_schema());
    alter function turnstone_search(text, integer) owner to turnstone_system;
    execute format('revoke create on schema %I from turnstone_system', current_schema());
  end $$`,
  'revoke all on function turnstone_search(text, integer) from public',
  'grant execute on function turnstone_search(text, integer) to turnstone_app',
];
