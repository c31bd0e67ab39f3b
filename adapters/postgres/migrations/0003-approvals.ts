/** Decisions about tool calls. One row per call that a person is asked about; indexes as the header of 0001 says. */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { isolateOwners } from './row-level-security.js';

export const approvalsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
    // The sweeper finds decisions nobody heard of, and expires what no workflow waits for.
    await isolateOwners(db, ['approvals'], { approvals: ['select', 'update'] });
  },
};

const STATEMENTS = [
  `create table approvals (
    tenant_id text not null,
    id text not null,
    turn_id text not null,
    step integer not null,
    call_index integer not null,
    conversation_id text,
    principal_id text not null,
    item_id text not null,
    name text not null,
    arguments text not null,
    arguments_hash text not null,
    effect text not null check (effect in ('read', 'keyed', 'unkeyed')),
    because text not null,
    mode text not null check (mode in ('wait', 'return')),
    status text not null check (status in ('pending', 'approved', 'denied', 'expired', 'cancelled')),
    origin text,
    decided_by text,
    reason text,
    edited_arguments text,
    edited_hash text,
    remember text check (remember in ('conversation')),
    followed_by text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    escalated_at timestamptz,
    decided_at timestamptz,
    heard_at timestamptz,
    check ((status = 'pending') = (decided_at is null)),
    check ((edited_arguments is null) = (edited_hash is null)),
    primary key (id, tenant_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
  )`,
  // One approval per call: a second opening of the same call finds the first.
  'create unique index approvals_call on approvals (turn_id, step, call_index, tenant_id)',
  'create index approvals_recent on approvals (lower(tenant_id), created_at, id)',
  `create index approvals_recent_own on approvals ((tenant_id || '/' || principal_id), created_at, id)`,
  `create index approvals_consents on approvals (conversation_id, name) where remember is not null`,
  `create index approvals_unheard on approvals (decided_at) where decided_at is not null and heard_at is null`,
  `create index approvals_overdue on approvals (expires_at) where status = 'pending'`,
];
