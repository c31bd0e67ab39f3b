/** What became of a tool call's effect afterwards: an undo, and what a person found out. One row for each, made when it is needed. */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { isolateOwners } from './row-level-security.js';

const STATEMENTS = [
  `create table tool_effects (
    tenant_id text not null,
    turn_id text not null,
    step integer not null,
    call_index integer not null,
    principal_id text not null,
    undo_status text check (undo_status in ('running', 'undone', 'failed', 'unknown')),
    undo_attempt integer not null default 0,
    undo_text text,
    undo_error jsonb,
    undo_requested_at timestamptz,
    undo_finished_at timestamptz,
    happened boolean,
    note text,
    resolved_by text,
    resolved_at timestamptz,
    primary key (turn_id, step, call_index, tenant_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
  )`,
];

export const forkAndEffectsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
    await isolateOwners(db, ['tool_effects']);
  },
};
