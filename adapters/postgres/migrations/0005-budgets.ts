/**
 * Budgets, what is held of them, and what was spent and is not yet counted. A step's commit only inserts what it spent:
 * counting it happens under the budget's lock, when the next call is reserved, so commits never wait for each other.
 *
 * Neither holds nor spends have foreign keys: their checks would lock rows in an order of their own, and a budget that is
 * deleted meanwhile must not fail a step. Whatever names a budget or turn that is gone is never read.
 */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { isolateTenants } from './row-level-security.js';

const TABLES = ['budgets', 'budget_holds', 'budget_spends'] as const;

const STATEMENTS = [
  `create table budgets (
    tenant_id text not null references tenants on delete cascade,
    id text not null,
    principal_id text,
    period text not null check (period in ('day', 'month', 'total')),
    limit_micros bigint not null check (limit_micros >= 0),
    allow_unpriced boolean not null,
    period_start timestamptz not null,
    used_micros bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (id, tenant_id)
  )`,
  `create unique index budgets_of_tenant on budgets (lower(tenant_id), coalesce(principal_id, ''), period)`,
  `create table budget_holds (
    tenant_id text not null references tenants on delete cascade,
    turn_id text not null,
    step integer not null,
    attempt integer not null,
    budget_id text not null,
    amount_micros bigint not null check (amount_micros >= 0),
    held_at timestamptz not null,
    primary key (turn_id, step, attempt, budget_id, tenant_id)
  )`,
  'create index budget_holds_of_budget on budget_holds (budget_id)',
  `create table budget_spends (
    tenant_id text not null references tenants on delete cascade,
    id bigint generated always as identity,
    budget_id text not null,
    amount_micros bigint not null check (amount_micros >= 0),
    spent_at timestamptz not null,
    primary key (id, tenant_id)
  )`,
  'create index budget_spends_of_budget on budget_spends (budget_id)',
];

export const budgetsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
    await isolateTenants(db, TABLES, {});
  },
};
