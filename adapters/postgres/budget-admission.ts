/** What budgets say before a turn is accepted, read with everything else that could speak against it. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { count, leftMicros, periodEnd } from '../../domain/budget-ledger.js';
import type { BudgetAccount, Spend } from '../../domain/budget-ledger.js';
import { failure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
import type { Scope } from '../../domain/scope.js';

/** A budget of the caller with what was spent since it was last counted. */
export interface AppliedBudget extends BudgetAccount {
  readonly spends: readonly Spend[];
}

const milliseconds = (column: string): RawBuilder<unknown> =>
  sql.raw(`floor(extract(epoch from ${column}) * 1000)::bigint`);

/** A scalar subquery: a JSON list of `AppliedBudget`, null when there is none. */
export function appliedBudgets(scope: Scope): RawBuilder<unknown> {
  return sql`(
    select jsonb_agg(jsonb_build_object('id', g.id, 'principalId', g.principal_id, 'period', g.period,
      'limitMicros', g.limit_micros, 'allowUnpriced', g.allow_unpriced,
      'periodStartMs', ${milliseconds('g.period_start')}, 'usedMicros', g.used_micros,
      'spends', ${uncountedSpends('g.id')}))
    from budgets g
    where lower(g.tenant_id) = ${scope.tenantId}::text
      and (g.principal_id is null or g.principal_id = ${scope.principalId}::text))`;
}

/** A scalar subquery: the spends of a budget as a JSON list. */
export function uncountedSpends(budgetId: string): RawBuilder<unknown> {
  return sql`(
    select coalesce(jsonb_agg(jsonb_build_object('budgetId', s.budget_id, 'amountMicros', s.amount_micros,
      'spentAtMs', ${milliseconds('s.spent_at')})), '[]'::jsonb)
    from budget_spends s where s.budget_id = ${sql.raw(budgetId)})`;
}

/**
 * What is merely held does not refuse a turn: it may be free again in a moment, and the first call's reservation decides.
 * @param priced false: no model of the turn's chain has a known price.
 */
export function objectionOfBudgets(budgets: readonly AppliedBudget[], priced: boolean): Failure | null {
  const nowMs = Date.now();
  if (!priced) {
    const strict = budgets.find((budget) => !budget.allowUnpriced);
    return strict === undefined
      ? null
      : failure(
          'budget.unpriced-model',
          `a budget applies (${describe(strict)}) and the price of this model is not known; set its prices, or allow_unpriced`,
          { param: 'model' },
        );
  }
  const empty = budgets.find((budget) => leftMicros(count(budget, budget.spends, nowMs), 0, nowMs) <= 0);
  if (empty === undefined) return null;
  const end = periodEnd(empty.period, nowMs);
  const until = end === null ? 'it does not begin anew' : `it begins anew at ${new Date(end).toISOString()}`;
  return failure('budget.exhausted', `the budget is used up (${describe(empty)}); ${until}`, {
    retryAfterMs: end === null ? undefined : Math.max(1, end - nowMs),
  });
}

function describe({ principalId, period, limitMicros }: BudgetAccount): string {
  const whose = principalId === null ? 'of the tenant' : `of ${principalId}`;
  return `${whose}, ${String(limitMicros)} micros per ${period}`;
}
