/** The suite of budgets: parallel reservations cannot pass a limit, what is spent is counted once, the dead hold nothing. */
import { expect, it } from 'vitest';
import { createBudgetStore } from '../../adapters/postgres/budget-store.js';
import type { Ask } from '../../domain/budget-ledger.js';
import { newId } from '../../domain/ids.js';
import type { BudgetSetting, BudgetStatus, BudgetStore } from '../../domain/ports/budget-store.js';
import { describeOnDatabases } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { aStoreBench } from '../support/store-bench.js';
import type { StoreBench } from '../support/store-bench.js';
import { aCallingStep, aModelCall, aNewTurn, anEnding, aStepCommit, theSettings } from '../support/turn-builders.js';

interface BudgetBench extends StoreBench {
  readonly budgets: BudgetStore;
  set(changes: Partial<BudgetSetting>): Promise<BudgetStatus>;
  aTurnId(): Promise<string>;
  ask(turnId: string, changes?: Partial<Ask>): Promise<Awaited<ReturnType<BudgetStore['reserve']>>>;
  /** The only budget. */
  status(): Promise<BudgetStatus>;
}

async function aBudgetBench(open: TestDatabase): Promise<BudgetBench> {
  const bench = await aStoreBench(open);
  const { scope, turns } = bench;
  const budgets = createBudgetStore(open.database);
  return {
    ...bench,
    budgets,
    set: (changes) =>
      budgets.set(scope, {
        id: newId('budget'),
        principalId: null,
        period: 'total',
        limitMicros: 100,
        allowUnpriced: false,
        ...changes,
      }),
    aTurnId: async () => (await turns.accept(scope, aNewTurn())).turn.id,
    ask: (turnId, changes = {}) => budgets.reserve(scope, { ...anAsk(turnId, scope.principalId), ...changes }),
    status: async () => (await budgets.list(scope))[0]!,
  };
}

function anAsk(turnId: string, principalId: string): Ask {
  const amounts = { priced: true, minMicros: 1, reducedMicros: 5, maxMicros: 10, spentMicros: 0 };
  return { turnId, step: 1, attempt: 1, principalId, ...amounts };
}

const spending = (turnId: string, costMicros: number | null): Parameters<typeof aStepCommit>[0] => ({
  turnId,
  modelCalls: [aModelCall({ costMicros })],
});

describeOnDatabases('budget store', (open) => {
  it('100 parallel turns at the last unit -> one is granted it, and its call is all that is overspent', async () => {
    const { set, aTurnId, ask, turns, scope, status } = await aBudgetBench(open());
    await set({ limitMicros: 1 });
    const ids = await Promise.all(Array.from({ length: 100 }, aTurnId));
    const decisions = await Promise.all(ids.map((id) => ask(id)));
    const granted = ids.filter((_, index) => decisions[index]?.kind === 'granted');
    expect(granted).toHaveLength(1);
    expect(await status()).toMatchObject({ usedMicros: 0, heldMicros: 1 });
    await turns.commitStep(scope, aStepCommit(spending(granted[0]!, 8)));
    expect(await status()).toMatchObject({ usedMicros: 8, heldMicros: 0 });
    const late = await Promise.all(ids.filter((id) => id !== granted[0]).map((id) => ask(id)));
    expect(late.every(({ kind }) => kind === 'refused')).toBe(true);
  });

  it('parallel turns with room for some -> granted as long as the whole fits, then less, never more than the limit', async () => {
    const { set, aTurnId, ask, status } = await aBudgetBench(open());
    await set({ limitMicros: 34 });
    const ids = await Promise.all(Array.from({ length: 20 }, aTurnId));
    const decisions = await Promise.all(ids.map((id) => ask(id)));
    const amounts = decisions.flatMap((each) => (each.kind === 'granted' ? [each.grantedMicros] : []));
    expect(amounts.sort()).toEqual([10, 10, 10, 4]);
    expect(await status()).toMatchObject({ heldMicros: 34 });
  });

  it('a step’s calls: reserved again -> one hold that covers what was spent; committed -> spent once, nothing held', async () => {
    const { set, aTurnId, ask, turns, scope, status } = await aBudgetBench(open());
    await set({});
    const id = await aTurnId();
    await ask(id);
    await ask(id, { spentMicros: 7 });
    expect(await status()).toMatchObject({ heldMicros: 17 });
    await turns.commitStep(scope, { ...aCallingStep(id), ...spending(id, 12) });
    expect(await status()).toMatchObject({ usedMicros: 12, heldMicros: 0 });
    await turns.claimStep(scope, { turnId: id, step: 2 });
    await ask(id, { step: 2 });
    expect(await status()).toMatchObject({ usedMicros: 12, heldMicros: 10 });
    await turns.commitStep(scope, aStepCommit({ ...spending(id, 3), step: 2 }));
    expect(await status()).toMatchObject({ usedMicros: 15, heldMicros: 0 });
  });

  it('an attempt that died: the next one’s reservation frees its hold; what it still asks for is refused', async () => {
    const { set, aTurnId, ask, turns, scope, status } = await aBudgetBench(open());
    await set({ limitMicros: 10 });
    const id = await aTurnId();
    await ask(id);
    await turns.claimStep(scope, { turnId: id, step: 1 });
    expect(await ask(id, { attempt: 2 })).toEqual({ kind: 'granted', grantedMicros: 10 });
    expect(await status()).toMatchObject({ heldMicros: 10 });
    await expect(ask(id)).rejects.toMatchObject({ code: 'turn.stale-attempt' });
    // What it had used before it died is booked, and takes nothing from the newer attempt's hold.
    await turns.recordCalls(scope, { turnId: id, step: 1, attempt: 1, modelCalls: [aModelCall({ costMicros: 2 })] });
    await turns.recordCalls(scope, { turnId: id, step: 1, attempt: 1, modelCalls: [aModelCall({ costMicros: 2 })] });
    expect(await status()).toMatchObject({ usedMicros: 2, heldMicros: 10 });
  });

  it('a turn that is cancelled or fails: holds nothing, and may reserve nothing', async () => {
    const { set, aTurnId, ask, turns, scope, status } = await aBudgetBench(open());
    await set({});
    const id = await aTurnId();
    await ask(id);
    await turns.finish(scope, id, anEnding({ status: 'cancelled' }));
    expect(await status()).toMatchObject({ heldMicros: 0 });
    await expect(ask(id)).rejects.toMatchObject({ code: 'turn.stale-attempt' });
  });

  it('reservations, commits, cancels and claims of the same turns at once -> no deadlock, nothing stays held', async () => {
    const { set, aTurnId, ask, turns, scope, status } = await aBudgetBench(open());
    await set({ limitMicros: 1_000_000 });
    const { principalId } = scope;
    await set({ limitMicros: 1_000_000, principalId, period: 'day' });
    const ids = await Promise.all(Array.from({ length: 15 }, aTurnId));
    await Promise.all(
      ids.flatMap((id) => [
        ask(id).catch((error: unknown) => error),
        turns.commitStep(scope, aStepCommit(spending(id, 3))),
        turns.claimStep(scope, { turnId: id, step: 1 }).catch((error: unknown) => error),
        turns.finish(scope, id, anEnding({ status: 'cancelled' })),
      ]),
    );
    expect(await status()).toMatchObject({ heldMicros: 0 });
  });

  it('user and tenant: both are charged; the tighter decides; another user is not touched', async () => {
    const { set, aTurnId, ask, scope, budgets } = await aBudgetBench(open());
    await set({ limitMicros: 100 });
    await set({ limitMicros: 4, principalId: scope.principalId });
    await set({ limitMicros: 1, principalId: 'somebody-else' });
    expect(await ask(await aTurnId())).toEqual({ kind: 'granted', grantedMicros: 4 });
    const held = (await budgets.list(scope)).map(({ principalId, heldMicros }) => [principalId, heldMicros]);
    expect(held).toEqual([
      [null, 4],
      ['somebody-else', 0],
      [scope.principalId, 4],
    ]);
    expect(await budgets.applying(scope, scope.principalId)).toHaveLength(2);
  });

  it('users who do not see each other: what one holds of the tenant’s budget is gone for the other', async () => {
    const { set, turns, scope, budgets } = await aBudgetBench(open());
    await set({ limitMicros: 10 });
    const users = ['anna', 'ben'].map((principalId) => ({ ...scope, principalId, scopes: ['write' as const] }));
    const decisions = [];
    for (const user of users) {
      const { turn } = await turns.accept(user, aNewTurn());
      decisions.push((await budgets.reserve(user, anAsk(turn.id, user.principalId))).kind);
    }
    expect(decisions).toEqual(['granted', 'refused']);
    expect(await budgets.applying(users[1]!, 'ben')).toMatchObject([{ heldMicros: 10 }]);
  });

  it('accept: used up -> 429 with the time until it begins anew; merely held -> accepted', async () => {
    const { set, aTurnId, ask, turns, scope } = await aBudgetBench(open());
    await set({ limitMicros: 10, period: 'month' });
    const first = await aTurnId();
    await ask(first);
    await aTurnId();
    await turns.commitStep(scope, aStepCommit(spending(first, 10)));
    const refused = await turns.accept(scope, aNewTurn()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'budget.exhausted', retryAfterMs: expect.any(Number) as number });
    expect((refused as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(31 * 86_400_000);
  });

  it('models without a price: refused where a budget is strict, with the remedy; else they cost nothing', async () => {
    const { set, aTurnId, ask, turns, scope } = await aBudgetBench(open());
    await set({});
    const unpriced = { priced: false, minMicros: 0, reducedMicros: 0, maxMicros: 0 };
    expect(await ask(await aTurnId(), unpriced)).toMatchObject({ kind: 'refused', why: 'unpriced' });
    const accepting = turns.accept(scope, aNewTurn({ priced: false }));
    await expect(accepting).rejects.toMatchObject({ code: 'budget.unpriced-model', param: 'model' });
    await set({ allowUnpriced: true });
    const { turn } = await turns.accept(scope, aNewTurn({ priced: false, settings: theSettings() }));
    expect(await ask(turn.id, unpriced)).toEqual({ kind: 'granted', grantedMicros: 0 });
  });

  it('set again -> the limit changes and what was used stays; a new one for the day counts what was used today', async () => {
    const { set, aTurnId, turns, scope, budgets } = await aBudgetBench(open());
    await turns.commitStep(scope, aStepCommit(spending(await aTurnId(), 6)));
    const day = await set({ period: 'day' });
    expect(day).toMatchObject({ usedMicros: 6, limitMicros: 100 });
    expect(await set({ period: 'total' })).toMatchObject({ usedMicros: 0, resetsAtMs: null });
    await turns.commitStep(scope, aStepCommit(spending(await aTurnId(), 1)));
    expect(await set({ period: 'day', limitMicros: 50 })).toMatchObject({ id: day.id, usedMicros: 7, limitMicros: 50 });
    expect(await budgets.remove(scope, day.id)).toBe(true);
    expect(await budgets.remove(scope, day.id)).toBe(false);
    expect(await budgets.list(scope)).toHaveLength(1);
  });

  it('a tenant without budgets: the step’s context says so, and a reservation is granted without a hold', async () => {
    const { aTurnId, ask, turns, scope, set } = await aBudgetBench(open());
    const id = await aTurnId();
    expect(await turns.loadContext(scope, id)).toMatchObject({ budgeted: false });
    expect(await ask(id)).toEqual({ kind: 'granted', grantedMicros: null });
    await set({ principalId: 'somebody-else' });
    expect(await turns.loadContext(scope, id)).toMatchObject({ budgeted: false });
    await set({});
    expect(await turns.loadContext(scope, id)).toMatchObject({ budgeted: true });
  });

  it('another tenant: sees, changes and removes nothing', async () => {
    const { set, budgets } = await aBudgetBench(open());
    const { id } = await set({});
    const theirs = await open().newScope();
    expect(await budgets.list(theirs)).toEqual([]);
    expect(await budgets.remove(theirs, id)).toBe(false);
    expect(await budgets.applying(theirs, 'anybody')).toEqual([]);
  });
});
