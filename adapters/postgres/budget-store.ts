/**
 * Budgets in PostgreSQL. A reservation locks the turn, then the budgets that apply, in the order of their ids, counts what
 * was spent since, and only then sums what is held: whoever waited for the lock sees what the one before it held and spent.
 */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { count, decide, holdsExpireBefore, periodEnd, periodStart } from '../../domain/budget-ledger.js';
import type { Ask, BudgetAccount, BudgetPeriod, Decision, Spend } from '../../domain/budget-ledger.js';
import { failure } from '../../domain/failures.js';
import type { BudgetSetting, BudgetStatus, BudgetStore } from '../../domain/ports/budget-store.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { uncountedSpends } from './budget-admission.js';
import type { Connection, Database } from './database.js';

const MAX_BUDGETS = 1_000;

/**
 * A tenant's budget is spent by all of its users, so what is held of it is read for the whole tenant, whoever asks. Who may
 * set budgets is for the caller to decide.
 */
const wholeTenant = ({ tenantId }: Scope): Scope => internalScope(tenantId, 'budgets');

export function createBudgetStore(database: Database): BudgetStore {
  return {
    reserve: (scope, ask) => database.write(wholeTenant(scope), (connection) => reserve(connection, scope, ask)),
    set: (scope, budget) => database.write(wholeTenant(scope), (connection) => setBudget(connection, scope, budget)),
    list: (scope) => database.read(wholeTenant(scope), (connection) => readStatuses(connection, scope, null)),
    applying: (scope, principalId) =>
      database.read(wholeTenant(scope), (connection) => readStatuses(connection, scope, principalId)),
    remove: (scope, id) => database.write(wholeTenant(scope), (connection) => removeBudget(connection, scope, id)),
  };
}

async function removeBudget(connection: Connection, scope: Scope, id: string): Promise<boolean> {
  const { rows } = await sql<{ removed: string }>`
    with gone as (
      delete from budgets where tenant_id = ${scope.tenantId}::text and id = ${id}::text returning 1),
    holds as (delete from budget_holds where tenant_id = ${scope.tenantId}::text and budget_id = ${id}::text),
    spends as (delete from budget_spends where tenant_id = ${scope.tenantId}::text and budget_id = ${id}::text)
    select count(*) as removed from gone`.execute(connection);
  return Number(rows[0]?.removed ?? 0) === 1;
}

interface AccountRow {
  readonly id: string;
  readonly principal_id: string | null;
  readonly period: BudgetPeriod;
  readonly limit_micros: string;
  readonly allow_unpriced: boolean;
  readonly period_start: Date;
  readonly used_micros: string;
}

const ACCOUNT_COLUMNS =
  'b.id, b.principal_id, b.period, b.limit_micros, b.allow_unpriced, b.period_start, b.used_micros';

function toAccount(row: AccountRow): BudgetAccount {
  return {
    id: row.id,
    principalId: row.principal_id,
    period: row.period,
    limitMicros: Number(row.limit_micros),
    allowUnpriced: row.allow_unpriced,
    periodStartMs: row.period_start.getTime(),
    usedMicros: Number(row.used_micros),
  };
}

async function reserve(connection: Connection, scope: Scope, ask: Ask): Promise<Decision> {
  await holdTurn(connection, scope, ask);
  const { rows } = await sql<AccountRow>`
    select ${sql.raw(ACCOUNT_COLUMNS)} from budgets b
    where lower(b.tenant_id) = ${scope.tenantId}::text
      and (b.principal_id is null or b.principal_id = ${ask.principalId}::text)
    order by b.id for update`.execute(connection);
  if (rows.length === 0) return { kind: 'granted', grantedMicros: null };
  const nowMs = Date.now();
  const accounts = await countSpends(connection, scope, rows.map(toAccount), nowMs);
  const held = await heldByOthers(connection, scope, ask, nowMs, accounts);
  const applying = accounts.map((account) => ({ account, heldByOthersMicros: held.get(account.id) ?? 0 }));
  const decision = decide(applying, ask, nowMs);
  if (decision.kind === 'granted') await writeHold(connection, scope, ask, decision, accounts, nowMs);
  return decision;
}

const idsOf = (accounts: readonly BudgetAccount[]): string[] => accounts.map(({ id }) => id);

/** What steps have spent since the last reservation goes into the accounts, each in the period it was spent in. */
async function countSpends(
  connection: Connection,
  scope: Scope,
  accounts: readonly BudgetAccount[],
  nowMs: number,
): Promise<readonly BudgetAccount[]> {
  const { rows } = await sql<{ budget_id: string; amount_micros: string; spent_at: Date }>`
    delete from budget_spends s
    where s.tenant_id = ${scope.tenantId}::text and s.budget_id = any(${idsOf(accounts)}::text[])
    returning s.budget_id, s.amount_micros, s.spent_at`.execute(connection);
  const spends = rows.map((row) => ({
    budgetId: row.budget_id,
    amountMicros: Number(row.amount_micros),
    spentAtMs: row.spent_at.getTime(),
  }));
  const counted = accounts.map((account) => count(account, spends, nowMs));
  if (spends.length === 0) return counted;
  const changed = counted.map(({ id, usedMicros, periodStartMs }) => ({
    id,
    used_micros: usedMicros,
    period_start: new Date(periodStartMs).toISOString(),
  }));
  await sql`
    update budgets b set used_micros = x.used_micros, period_start = x.period_start
    from jsonb_to_recordset(${JSON.stringify(changed)}::jsonb) as x(id text, used_micros bigint, period_start timestamptz)
    where b.tenant_id = ${scope.tenantId}::text and b.id = x.id`.execute(connection);
  return counted;
}

/** Neither an ending of the turn nor a newer claim can pass from here on. */
async function holdTurn(connection: Connection, scope: Scope, { turnId, step, attempt }: Ask): Promise<void> {
  const { rows } = await sql`
    select 1 from turns t
    where t.tenant_id = ${scope.tenantId}::text and t.id = ${turnId}::text and t.status in ('queued', 'in_progress')
      and exists (
        select 1 from turn_steps s
        where s.tenant_id = t.tenant_id and s.turn_id = t.id and s.step = ${step}::integer
          and s.attempt = ${attempt}::integer and s.result is null)
    for share`.execute(connection);
  if (rows.length > 0) return;
  const message = `attempt ${String(attempt)} of step ${String(step)} of ${turnId} no longer holds it; it may not spend`;
  throw failure('turn.stale-attempt', message);
}

/** Of the hold `h`: a turn that has ended, or is gone, holds nothing, whatever row it left. */
function isAlive(nowMs: number): RawBuilder<unknown> {
  return sql`h.held_at >= ${new Date(holdsExpireBefore(nowMs))}::timestamptz and exists (
    select 1 from turns t
    where t.tenant_id = h.tenant_id and t.id = h.turn_id and t.status in ('queued', 'in_progress'))`;
}

async function heldByOthers(
  connection: Connection,
  scope: Scope,
  { turnId, step, attempt }: Ask,
  nowMs: number,
  accounts: readonly BudgetAccount[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ budget_id: string; held: string }>`
    with dead as (
      delete from budget_holds h
      where h.tenant_id = ${scope.tenantId}::text and h.budget_id = any(${idsOf(accounts)}::text[])
        and ((h.turn_id = ${turnId}::text and (h.step, h.attempt) < (${step}::integer, ${attempt}::integer))
          or not (${isAlive(nowMs)}))
      returning 1)
    select h.budget_id, sum(h.amount_micros) as held from budget_holds h
    where h.tenant_id = ${scope.tenantId}::text and h.budget_id = any(${idsOf(accounts)}::text[])
      and h.turn_id <> ${turnId}::text and ${isAlive(nowMs)}
    group by h.budget_id`.execute(connection);
  return new Map(rows.map((row) => [row.budget_id, Number(row.held)]));
}

async function writeHold(
  connection: Connection,
  scope: Scope,
  { turnId, step, attempt, spentMicros }: Ask,
  decision: Extract<Decision, { kind: 'granted' }>,
  accounts: readonly BudgetAccount[],
  nowMs: number,
): Promise<void> {
  await sql`
    insert into budget_holds (tenant_id, turn_id, step, attempt, budget_id, amount_micros, held_at)
    select ${scope.tenantId}::text, ${turnId}::text, ${step}::integer, ${attempt}::integer, x.budget_id,
      ${spentMicros + (decision.grantedMicros ?? 0)}::bigint, ${new Date(nowMs)}::timestamptz
    from unnest(${idsOf(accounts)}::text[]) as x(budget_id)
    on conflict (turn_id, step, attempt, budget_id, tenant_id)
      do update set amount_micros = excluded.amount_micros, held_at = excluded.held_at`.execute(connection);
}

async function setBudget(connection: Connection, scope: Scope, budget: BudgetSetting): Promise<BudgetStatus> {
  const now = new Date();
  const start = new Date(periodStart(budget.period, now.getTime()));
  const { rows } = await sql<{ id: string }>`
    insert into budgets as b (tenant_id, id, principal_id, period, limit_micros, allow_unpriced, period_start, used_micros,
      created_at, updated_at)
    select ${scope.tenantId}::text, ${budget.id}::text, ${budget.principalId}::text, ${budget.period}::text,
      ${budget.limitMicros}::bigint, ${budget.allowUnpriced}::boolean, ${start}::timestamptz,
      case when ${budget.period}::text = 'total' then 0 else (
        select coalesce(sum(m.cost_micros), 0) from model_calls m
        where lower(m.tenant_id) = ${scope.tenantId}::text and m.created_at >= ${start}::timestamptz
          and (${budget.principalId}::text is null or m.principal_id = ${budget.principalId}::text)) end,
      ${now}::timestamptz, ${now}::timestamptz
    on conflict (lower(tenant_id), coalesce(principal_id, ''), period)
      do update set limit_micros = excluded.limit_micros, allow_unpriced = excluded.allow_unpriced,
        updated_at = excluded.updated_at
    returning b.id`.execute(connection);
  const status = (await readStatuses(connection, scope, null)).find(({ id }) => id === rows[0]?.id);
  if (status === undefined) throw failure('server.internal', 'a budget that was just set cannot be read');
  return status;
}

/** @param principalId null: all of the tenant. */
async function readStatuses(
  connection: Connection,
  scope: Scope,
  principalId: string | null,
): Promise<readonly BudgetStatus[]> {
  const nowMs = Date.now();
  const { rows } = await sql<AccountRow & { readonly held: string; readonly spends: readonly Spend[] }>`
    select ${sql.raw(ACCOUNT_COLUMNS)},
      (select coalesce(sum(h.amount_micros), 0) from budget_holds h
        where h.budget_id = b.id and ${isAlive(nowMs)}) as held,
      ${uncountedSpends('b.id')} as spends
    from budgets b
    where lower(b.tenant_id) = ${scope.tenantId}::text
      and (${principalId}::text is null or b.principal_id is null or b.principal_id = ${principalId}::text)
    order by b.principal_id nulls first, b.period, b.id limit ${MAX_BUDGETS}::integer`.execute(connection);
  return rows.map((row) => toStatus(count(toAccount(row), row.spends, nowMs), Number(row.held), nowMs));
}

function toStatus(account: BudgetAccount, heldMicros: number, nowMs: number): BudgetStatus {
  const { id, principalId, period, limitMicros, allowUnpriced, usedMicros } = account;
  const resetsAtMs = periodEnd(period, nowMs);
  return { id, principalId, period, limitMicros, allowUnpriced, usedMicros, heldMicros, resetsAtMs };
}
