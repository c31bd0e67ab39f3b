/**
 * Keys of tenants (wrapped), credentials that came with a request (sealed, for the length of its turn), and the audit trail.
 * About indexes see 0001.
 */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { isolateTenants } from './row-level-security.js';

export const secretsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of [...KEYS, ...CREDENTIALS, ...AUDIT]) await sql.raw(statement).execute(db);
    await isolateTenants(db, ['tenant_keys', 'turn_credentials', 'audit_log'], SYSTEM_GRANTS);
    for (const statement of APPEND_ONLY) await sql.raw(statement).execute(db);
  },
};

const SYSTEM_GRANTS = {
  // A new master key wraps the keys of all tenants again.
  tenant_keys: ['select', 'update'],
  // The sweeper deletes those of turns that have ended.
  turn_credentials: ['select', 'delete'],
} as const;

const KEYS = [
  `create table tenant_keys (
    tenant_id text not null references tenants on delete cascade,
    id text not null,
    master_id text not null,
    wrapped bytea not null,
    created_at timestamptz not null,
    retired_at timestamptz,
    primary key (id, tenant_id)
  )`,
  // One key in use per tenant, whoever else makes one at the same moment.
  'create unique index tenant_keys_in_use on tenant_keys (lower(tenant_id)) where retired_at is null',
  'create index tenant_keys_of_tenant on tenant_keys (lower(tenant_id))',
];

/** The trigger is what deletes a credential: whatever ends a turn, now or in a later version, it is gone in the same transaction. */
const CREDENTIALS = [
  `create table turn_credentials (
    tenant_id text not null,
    turn_id text not null,
    provider text not null,
    sealed bytea not null,
    created_at timestamptz not null,
    primary key (turn_id, tenant_id),
    foreign key (tenant_id, turn_id) references turns (tenant_id, id) on delete cascade
  )`,
  `create function turnstone_forget_credential() returns trigger language plpgsql as $$
    begin
      delete from turn_credentials where tenant_id = new.tenant_id and turn_id = new.id;
      return null;
    end $$`,
  `create trigger turns_forget_credential after update of status on turns for each row
    when (new.settings ? 'providerKey' and new.status not in ('queued', 'in_progress'))
    execute function turnstone_forget_credential()`,
];

/** `number` counts per tenant from 1; `hash` covers the entry and the hash before it. */
const AUDIT = [
  `create table audit_log (
    tenant_id text not null references tenants on delete cascade,
    number bigint not null,
    at timestamptz not null,
    principal_id text not null,
    action text not null,
    subject text not null,
    details jsonb not null,
    request_id text not null,
    previous_hash text not null,
    hash text not null,
    primary key (number, tenant_id)
  )`,
  'create index audit_log_of_tenant on audit_log (lower(tenant_id), number)',
];

/** Entries are written once. Who owns the tables can still change them: the chain of hashes shows it. */
const APPEND_ONLY = ['revoke update, delete on audit_log from turnstone_app'];
