/**
 * The arithmetic of budgets, pure: what a budget has left, whether a call fits, what becomes of it. Zod-free and without a
 * clock of its own, so that a simulation can drive it through any schedule. Stores keep the rows and the locks; every
 * decision about money is made here.
 *
 * A call is reserved before it is made, for what it may cost at most, and settled with what it did cost. Money that is held
 * counts as gone, so calls that run at the same moment cannot all spend the same last unit.
 */
export type BudgetPeriod = 'day' | 'month' | 'total';

/** Money in micros (millionths) of the price list's currency. */
export interface Budget {
  readonly id: string;
  /** Whose turns it counts; null: all of the tenant's. */
  readonly principalId: string | null;
  readonly period: BudgetPeriod;
  readonly limitMicros: number;
  /** False: models without a known price are not called where this budget applies. */
  readonly allowUnpriced: boolean;
}

export interface BudgetAccount extends Budget {
  /** The period `usedMicros` belongs to; an older one counts as nothing used. */
  readonly periodStartMs: number;
  readonly usedMicros: number;
}

/** What one attempt at one step may still spend, or has spent and not settled yet. */
export interface Hold {
  readonly budgetId: string;
  readonly turnId: string;
  readonly step: number;
  readonly attempt: number;
  readonly amountMicros: number;
  readonly heldAtMs: number;
}

export interface Ledger {
  readonly accounts: readonly BudgetAccount[];
  readonly holds: readonly Hold[];
}

/** What one call may cost. */
export interface CallEstimate {
  /** False: the model's price is not known; the amounts are then 0. */
  readonly priced: boolean;
  /** The least that makes the call worth making: its input, and a short answer. */
  readonly minMicros: number;
  /** When the whole does not fit: an answer cut at a length that every model can be asked for. */
  readonly reducedMicros: number;
  /** Its input, and the longest answer it may write. */
  readonly maxMicros: number;
}

export interface Ask extends CallEstimate {
  readonly turnId: string;
  readonly step: number;
  readonly attempt: number;
  readonly principalId: string;
  /** Calls this attempt has already made, which are settled with its commit: they stay held. */
  readonly spentMicros: number;
}

export type Decision =
  /** The call may cost this much; null: no budget applies. */
  | { readonly kind: 'granted'; readonly grantedMicros: number | null }
  | { readonly kind: 'refused'; readonly why: 'exhausted' | 'unpriced'; readonly budget: BudgetAccount };

/** Longer than any turn may run: a hold this old belongs to nobody, whatever became of its turn. */
const HOLD_MAX_AGE_MS = 48 * 60 * 60_000;

/** Start of the period a moment lies in, in UTC; `total` has one that never ends. */
export function periodStart(period: BudgetPeriod, nowMs: number): number {
  const now = new Date(nowMs);
  if (period === 'day') return Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  return period === 'month' ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1) : 0;
}

/** When it begins anew; null: never. */
export function periodEnd(period: BudgetPeriod, nowMs: number): number | null {
  const start = new Date(periodStart(period, nowMs));
  if (period === 'day') return start.getTime() + 24 * 60 * 60_000;
  return period === 'month' ? Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1) : null;
}

/** The account as it is in the period of `nowMs`: nothing used yet when its own is over. */
export function rolled(account: BudgetAccount, nowMs: number): BudgetAccount {
  const start = periodStart(account.period, nowMs);
  return account.periodStartMs >= start ? account : { ...account, periodStartMs: start, usedMicros: 0 };
}

/** Money that is spent and not yet in an account. */
export interface Spend {
  readonly budgetId: string;
  readonly amountMicros: number;
  readonly spentAtMs: number;
}

/** The account in the period of `nowMs`, with what was spent of it: what was spent in an earlier period is over with it. */
export function count(account: BudgetAccount, spends: readonly Spend[], nowMs: number): BudgetAccount {
  const current = rolled(account, nowMs);
  const spent = spends.filter((spend) => spend.budgetId === account.id && spend.spentAtMs >= current.periodStartMs);
  return { ...current, usedMicros: spent.reduce((sum, { amountMicros }) => sum + amountMicros, current.usedMicros) };
}

export function appliesTo(budget: Budget, principalId: string): boolean {
  return budget.principalId === null || budget.principalId === principalId;
}

export function leftMicros(account: BudgetAccount, heldMicros: number, nowMs: number): number {
  return account.limitMicros - rolled(account, nowMs).usedMicros - heldMicros;
}

/** An account with what other attempts hold of it. */
export interface HeldAccount {
  readonly account: BudgetAccount;
  readonly heldByOthersMicros: number;
}

/**
 * Does the call fit? Where the whole does not, a part of it may: then the caller must keep the call within what was granted.
 * @param applying the accounts that apply to the turn; none: everything is granted.
 */
export function decide(applying: readonly HeldAccount[], ask: Ask, nowMs: number): Decision {
  if (applying.length === 0) return { kind: 'granted', grantedMicros: null };
  if (!ask.priced) {
    const strict = applying.find(({ account }) => !account.allowUnpriced);
    return strict === undefined
      ? { kind: 'granted', grantedMicros: 0 }
      : { kind: 'refused', why: 'unpriced', budget: strict.account };
  }
  const tightest = applying
    .map(({ account, heldByOthersMicros }) => ({ account, left: leftMicros(account, heldByOthersMicros, nowMs) }))
    .reduce((least, each) => (each.left < least.left ? each : least));
  const left = tightest.left - ask.spentMicros;
  if (left >= ask.maxMicros) return { kind: 'granted', grantedMicros: ask.maxMicros };
  if (left >= ask.minMicros && left > 0) {
    return { kind: 'granted', grantedMicros: Math.min(left, Math.max(ask.minMicros, ask.reducedMicros)) };
  }
  return { kind: 'refused', why: 'exhausted', budget: tightest.account };
}

const isOwn = (hold: Hold, ask: Pick<Ask, 'turnId' | 'step' | 'attempt'>): boolean =>
  hold.turnId === ask.turnId && hold.step === ask.step && hold.attempt === ask.attempt;

/** A turn does one step at a time: holds of its earlier attempts and steps belong to attempts that are dead. */
export function isDead(hold: Hold, claim: Pick<Ask, 'turnId' | 'step' | 'attempt'>): boolean {
  if (hold.turnId !== claim.turnId) return false;
  return hold.step < claim.step || (hold.step === claim.step && hold.attempt < claim.attempt);
}

/** Holds what the call may cost, in every budget that applies; a refused call leaves the ledger as it was. */
export function reserve(ledger: Ledger, ask: Ask, nowMs: number): { ledger: Ledger; decision: Decision } {
  const alive = expire(ledger, nowMs).holds.filter((hold) => !isDead(hold, ask));
  const others = alive.filter((hold) => !isOwn(hold, ask));
  const accounts = ledger.accounts.filter((account) => appliesTo(account, ask.principalId));
  const applying = accounts.map((account) => ({ account, heldByOthersMicros: heldOf(others, account.id) }));
  const decision = decide(applying, ask, nowMs);
  if (decision.kind === 'refused') return { ledger: { ...ledger, holds: alive }, decision };
  const amountMicros = ask.spentMicros + (decision.grantedMicros ?? 0);
  const { turnId, step, attempt } = ask;
  const own = accounts.map(({ id }) => ({ budgetId: id, turnId, step, attempt, amountMicros, heldAtMs: nowMs }));
  return { ledger: { ...ledger, holds: [...others, ...own] }, decision };
}

/** The attempt's calls are over: what they cost is used, in the period of now, and it holds nothing more. */
export function settle(
  ledger: Ledger,
  spent: Pick<Ask, 'turnId' | 'step' | 'attempt' | 'principalId'> & { readonly costMicros: number },
  nowMs: number,
): Ledger {
  const accounts = ledger.accounts.map((account) => {
    if (!appliesTo(account, spent.principalId)) return account;
    return count(account, [{ budgetId: account.id, amountMicros: spent.costMicros, spentAtMs: nowMs }], nowMs);
  });
  const holds = ledger.holds.filter((hold) => !isOwn(hold, spent) && !isDead(hold, spent));
  return { accounts, holds };
}

/** The turn has ended: what its attempts still held is free again. */
export function release(ledger: Ledger, turnId: string): Ledger {
  return { ...ledger, holds: ledger.holds.filter((hold) => hold.turnId !== turnId) };
}

/** Holds nobody can settle any more. Turns end long before; this is the last net. */
export function expire(ledger: Ledger, nowMs: number): Ledger {
  return { ...ledger, holds: ledger.holds.filter((hold) => nowMs - hold.heldAtMs < HOLD_MAX_AGE_MS) };
}

/** Holds made before this moment have expired. */
export function holdsExpireBefore(nowMs: number): number {
  return nowMs - HOLD_MAX_AGE_MS;
}

export function heldOf(holds: readonly Hold[], budgetId: string): number {
  return holds.reduce((sum, hold) => (hold.budgetId === budgetId ? sum + hold.amountMicros : sum), 0);
}
