/** Budgets in memory, over the pure ledger: what the adapter does with locks is one assignment here. */
import {
  appliesTo,
  heldOf,
  leftMicros,
  periodEnd,
  periodStart,
  release,
  reserve,
  rolled,
  settle,
} from '../../domain/budget-ledger.js';
import type { BudgetAccount, Ledger } from '../../domain/budget-ledger.js';
import { failure } from '../../domain/failures.js';
import type { BudgetStatus, BudgetStore } from '../../domain/ports/budget-store.js';
import type { ModelCallEntry } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnRecord } from '../../domain/turn.js';
import { rowOf } from './in-memory-stores-tables.js';
import type { MemoryTables } from './in-memory-stores-tables.js';

const ledgerOf = (tables: MemoryTables, tenantId: string): Ledger =>
  tables.ledgers.get(tenantId) ?? { accounts: [], holds: [] };

function toStatus(ledger: Ledger, account: BudgetAccount): BudgetStatus {
  const { periodStartMs: _start, ...status } = rolled(account, Date.now());
  return { ...status, heldMicros: heldOf(ledger.holds, account.id), resetsAtMs: periodEnd(account.period, Date.now()) };
}

export function createInMemoryBudgetStore(tables: MemoryTables): BudgetStore {
  const change = ({ tenantId }: Scope, next: Ledger): void => void tables.ledgers.set(tenantId, next);
  return {
    async reserve(scope, ask) {
      const row = rowOf(tables, scope, ask.turnId);
      if (row === null || isTerminal(row.turn.status) || row.steps.get(ask.step)?.attempt !== ask.attempt)
        throw failure('turn.stale-attempt', `attempt ${ask.attempt} of ${ask.turnId} may not spend`);
      const { ledger, decision } = reserve(ledgerOf(tables, scope.tenantId), ask, Date.now());
      change(scope, ledger);
      const applies = ledger.accounts.some((account) => appliesTo(account, ask.principalId));
      return applies ? decision : { kind: 'granted', grantedMicros: null };
    },
    async set(scope, budget) {
      const ledger = ledgerOf(tables, scope.tenantId);
      const known = ledger.accounts.find(
        ({ principalId, period }) => principalId === budget.principalId && period === budget.period,
      );
      const fresh = { periodStartMs: periodStart(budget.period, Date.now()), usedMicros: 0 };
      const account: BudgetAccount = { ...fresh, ...known, ...budget, id: known?.id ?? budget.id };
      const accounts = [...ledger.accounts.filter((each) => each.id !== account.id), account];
      change(scope, { ...ledger, accounts });
      return toStatus(ledger, account);
    },
    async list({ tenantId }) {
      const ledger = ledgerOf(tables, tenantId);
      return ledger.accounts.map((account) => toStatus(ledger, account));
    },
    async applying({ tenantId }, principalId) {
      const ledger = ledgerOf(tables, tenantId);
      return ledger.accounts.filter((each) => appliesTo(each, principalId)).map((each) => toStatus(ledger, each));
    },
    async remove(scope, id) {
      const ledger = ledgerOf(tables, scope.tenantId);
      change(scope, { ...ledger, accounts: ledger.accounts.filter((account) => account.id !== id) });
      return ledger.accounts.some((account) => account.id === id);
    },
  };
}

export function isBudgeted(tables: MemoryTables, turn: TurnRecord): boolean {
  return ledgerOf(tables, turn.tenantId).accounts.some((account) => appliesTo(account, turn.principalId));
}

/** @throws what the port says about budgets. */
export function requireMoney(tables: MemoryTables, scope: Scope, priced: boolean): void {
  const nowMs = Date.now();
  for (const account of ledgerOf(tables, scope.tenantId).accounts) {
    if (!appliesTo(account, scope.principalId)) continue;
    if (!priced && !account.allowUnpriced)
      throw failure('budget.unpriced-model', 'no price is known', { param: 'model' });
    const end = periodEnd(account.period, nowMs);
    if (priced && leftMicros(account, 0, nowMs) <= 0)
      throw failure('budget.exhausted', 'the budget is used up', {
        retryAfterMs: end === null ? undefined : end - nowMs,
      });
  }
}

export function settleCalls(
  tables: MemoryTables,
  turn: TurnRecord,
  {
    step,
    attempt,
    modelCalls,
  }: { readonly step: number; readonly attempt: number; readonly modelCalls: readonly ModelCallEntry[] },
): void {
  const costMicros = modelCalls.reduce((sum, call) => sum + (call.costMicros ?? 0), 0);
  const spent = { turnId: turn.id, step, attempt, principalId: turn.principalId, costMicros };
  tables.ledgers.set(turn.tenantId, settle(ledgerOf(tables, turn.tenantId), spent, Date.now()));
}

export function freeHolds(tables: MemoryTables, turn: TurnRecord): void {
  tables.ledgers.set(turn.tenantId, release(ledgerOf(tables, turn.tenantId), turn.id));
}
