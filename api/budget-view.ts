/** Budgets as the API shows them, and what they say about a call that has not been made. */
import { decide } from '../domain/budget-ledger.js';
import type { CallEstimate } from '../domain/budget-ledger.js';
import type { BudgetStatus } from '../domain/ports/budget-store.js';
import type { ModelRegistry } from '../domain/ports/model.js';

export interface BudgetObject {
  readonly id: string;
  readonly object: 'budget';
  readonly principal: string | null;
  readonly period: string;
  readonly limit_micros: number;
  readonly used_micros: number;
  readonly held_micros: number;
  readonly left_micros: number;
  readonly allow_unpriced: boolean;
  readonly resets_at: number | null;
}

export function toBudgetObject(status: BudgetStatus): BudgetObject {
  const { limitMicros, usedMicros, heldMicros } = status;
  return {
    id: status.id,
    object: 'budget',
    principal: status.principalId,
    period: status.period,
    limit_micros: limitMicros,
    used_micros: usedMicros,
    held_micros: heldMicros,
    left_micros: Math.max(0, limitMicros - usedMicros - heldMicros),
    allow_unpriced: status.allowUnpriced,
    resets_at: status.resetsAtMs === null ? null : Math.floor(status.resetsAtMs / 1000),
  };
}

/** Does some model of the chain have a known price? One of its own says nothing about what a turn costs without. */
export function isPriced(models: ModelRegistry, chain: readonly string[]): boolean {
  return chain.some((name) => (models.get(name)?.prices ?? null) !== null);
}

/** Would a call of this size be made now? */
export function budgetsAllow(statuses: readonly BudgetStatus[], estimate: CallEstimate): boolean {
  const nowMs = Date.now();
  const applying = statuses.map(({ heldMicros, resetsAtMs: _resetsAtMs, ...budget }) => ({
    account: { ...budget, periodStartMs: nowMs },
    heldByOthersMicros: heldMicros,
  }));
  const ask = { ...estimate, turnId: '', step: 1, attempt: 1, principalId: '', spentMicros: 0 };
  return decide(applying, ask, nowMs).kind === 'granted';
}
