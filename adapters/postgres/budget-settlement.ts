/**
 * The parts of closing statements that settle what an attempt spent and free what it held. They run inside the statement that
 * commits a step, books a failed attempt or ends a turn, so money is never both held and spent, or neither.
 *
 * Nothing is locked here: a spend is inserted, and counted by the next reservation, which holds the budget's lock.
 */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Scope } from '../../domain/scope.js';

interface SpendingAttempt {
  readonly turnId: string;
  readonly step: number;
  readonly attempt: number;
}

/**
 * `spent` and `holds_settled`: parts of a `with` statement.
 * @param source the part with the column principal_id, and one row when there is something to settle.
 * @param spentMicros what to add: a value, or a scalar subquery over another part of the statement.
 */
export function settleBudgets(
  scope: Scope,
  { turnId, step, attempt }: SpendingAttempt,
  source: string,
  spentMicros: RawBuilder<unknown>,
  now: Date,
): RawBuilder<unknown> {
  return sql`spent as (
      insert into budget_spends (tenant_id, budget_id, amount_micros, spent_at)
      select ${scope.tenantId}::text, b.id, ${spentMicros}, ${now}::timestamptz
      from ${sql.raw(source)} s, budgets b
      where lower(b.tenant_id) = ${scope.tenantId}::text and (b.principal_id is null or b.principal_id = s.principal_id)
        and ${spentMicros} > 0),
    holds_settled as (
      delete from budget_holds h
      where h.tenant_id = ${scope.tenantId}::text and h.turn_id = ${turnId}::text
        and (h.step, h.attempt) <= (${step}::integer, ${attempt}::integer) and exists (select 1 from ${sql.raw(source)}))`;
}

/** A part of a closing statement: the ended turn holds nothing more. */
export function freeHolds(scope: Scope, turnId: string): RawBuilder<unknown> {
  return sql`holds_freed as (
      delete from budget_holds h where h.tenant_id = ${scope.tenantId}::text and h.turn_id = ${turnId}::text)`;
}
