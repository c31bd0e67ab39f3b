/**
 * Messages that come while a turn runs: turns that wait in a conversation, and steers that wait to join a turn.
 *
 * What a closing statement must know of them stands in the rows it locks anyway (`turns.pending_steers`,
 * `conversations.has_waiting`): a locked row is read in its newest version, other rows as they were when the statement began.
 */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { isolateOwners } from './row-level-security.js';

export const pendingMessagesMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of [...WAITING, ...STEERS]) await sql.raw(statement).execute(db);
    await isolateOwners(db, ['steers']);
  },
};

const WAITING = [
  // One turn runs; any number may wait behind it.
  'drop index turns_one_open',
  `create unique index turns_one_open on turns (conversation_id, tenant_id)
    where kind = 'response' and status = 'in_progress' and conversation_id is not null`,
  // `interrupts` names the turn that is to be stopped for this one: it goes before the others that wait.
  'alter table turns add column queue_place bigint',
  'alter table turns add column interrupts text',
  `create index turns_waiting on turns (conversation_id, queue_place) where status = 'queued'`,
  // A hint: true while turns may wait. Never false while one does.
  'alter table conversations add column has_waiting boolean not null default false',
];

const STEERS = [
  'alter table turns add column pending_steers integer not null default 0',
  // How many there ever were; gives each its place, under the lock of the turn's row.
  'alter table turns add column steer_count integer not null default 0',
  `create table steers (
    tenant_id text not null,
    id text not null,
    principal_id text not null,
    turn_id text not null,
    place integer not null,
    status text not null check (status in ('pending', 'picked_up', 'cancelled', 'moved')),
    step integer,
    moved_to text,
    items jsonb not null,
    request_id text not null,
    idempotency_key text,
    request_hash text not null,
    created_at timestamptz not null,
    ended_at timestamptz,
    primary key (id, tenant_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
  )`,
  'create unique index steers_of_turn on steers (turn_id, place, tenant_id)',
  `create unique index steers_idempotency on steers (idempotency_key, principal_id, tenant_id)
    where idempotency_key is not null`,
];
