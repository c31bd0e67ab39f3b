/**
 * Budgets and what is held of them. What a call did cost is settled by the turn store, in the statement that commits the
 * step or books a failed attempt; a turn that ends frees what its attempts held.
 */
import type { Ask, BudgetPeriod, Decision } from '../budget-ledger.js';
import type { Scope } from '../scope.js';

export interface BudgetStatus {
  readonly id: string;
  readonly principalId: string | null;
  readonly period: BudgetPeriod;
  readonly limitMicros: number;
  readonly allowUnpriced: boolean;
  /** In the period of now. */
  readonly usedMicros: number;
  readonly heldMicros: number;
  /** Null: it never begins anew. */
  readonly resetsAtMs: number | null;
}

/** A budget as it is set: there is one for each (principal, period). */
export interface BudgetSetting {
  /** For a budget that is not there yet. */
  readonly id: string;
  readonly principalId: string | null;
  readonly period: BudgetPeriod;
  readonly limitMicros: number;
  readonly allowUnpriced: boolean;
}

export interface BudgetStore {
  /**
   * Hold money for one call of an attempt, in every budget that applies to the principal. Safe to repeat: an attempt has one
   * hold, which the newest ask replaces; holds of the turn's dead attempts go. Any number of processes may ask at once.
   * @throws `turn.stale-attempt` when a newer attempt holds the step or the turn has ended.
   */
  reserve(scope: Scope, ask: Ask): Promise<Decision>;
  /**
   * Make a budget, or change the one of this principal and period; what was used stays. A new one for a day or a month counts
   * what was used in it so far, a new `total` begins at nothing.
   */
  set(scope: Scope, budget: BudgetSetting): Promise<BudgetStatus>;
  /** All of the tenant. At most 1,000. */
  list(scope: Scope): Promise<readonly BudgetStatus[]>;
  /** Those that apply to a principal: the tenant's and its own. */
  applying(scope: Scope, principalId: string): Promise<readonly BudgetStatus[]>;
  /** @returns false when there is none. */
  remove(scope: Scope, id: string): Promise<boolean>;
}
