/** Forks in the database: what was recorded before the step is there, nothing of it can run again, and it was paid once. */
import { expect, it } from 'vitest';
import { createUsageStore } from '../../adapters/postgres/usage-store.js';
import { newId } from '../../domain/ids.js';
import type { ForkedSteps, TurnStore } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { TurnRecord } from '../../domain/turn.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench, textsOf } from '../support/store-bench.js';
import {
  aCallingStep,
  aMessage,
  anAnswer,
  aNewTurn,
  aReceipt,
  aStepCommit,
  aToolItem,
  theSettings,
} from '../support/turn-builders.js';

interface Original {
  readonly turn: TurnRecord;
  readonly itemId: string;
}

/** A turn of two steps: one calls a tool with an effect, the second answers. */
async function anOriginal(turns: TurnStore, scope: Scope): Promise<Original> {
  const { turn } = await turns.accept(scope, aNewTurn({ input: [aMessage('what time is it?')] }));
  const item = aToolItem();
  await turns.commitStep(scope, aCallingStep(turn.id, item, { effect: 'unkeyed' }));
  await turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 });
  await turns.commitTool(scope, aReceipt(turn.id, { item: { ...item, status: 'completed', output: 'noon' } }));
  await turns.claimStep(scope, { turnId: turn.id, step: 2 });
  await turns.commitStep(scope, aStepCommit({ turnId: turn.id, step: 2, items: [anAnswer('noon it is')] }));
  return { turn, itemId: item.id };
}

async function aFork(
  turns: TurnStore,
  scope: Scope,
  of: TurnRecord,
  changes: Partial<ForkedSteps>,
): Promise<TurnRecord> {
  const fork = { turnId: of.id, through: 1, input: true, toolResult: null, ...changes };
  const settings = theSettings({ fork: { turnId: of.id, step: fork.through + 1, changed: [] } });
  return (await turns.accept(scope, aNewTurn({ settings, input: [], parentId: null, fork }))).turn;
}

describeOnDatabases('turn store: forks', (open) => {
  it('the steps before: input, items and receipts as recorded; the next step is its own, claimed for the first time', async () => {
    const { turns, scope } = await aStoreBench(open());
    const original = await anOriginal(turns, scope);
    const fork = await aFork(turns, scope, original.turn, {});
    const context = await turns.loadContext(scope, fork.id);
    expect(textsOf(context?.path ?? [])).toEqual(['what time is it?', 'clock {}\nnoon']);
    expect(context?.toolCalls).toMatchObject([
      { turnId: fork.id, itemId: original.itemId, status: 'completed', result: 'noon' },
    ]);
    expect(await turns.claimStep(scope, { turnId: fork.id, step: 2 })).toMatchObject({ attempt: 1, committed: null });
    await turns.commitStep(scope, aStepCommit({ turnId: fork.id, step: 2, items: [anAnswer('twelve')] }));
    expect(textsOf(await turns.output(scope, fork.id))).toEqual(['clock {}\nnoon', 'twelve']);
    expect(textsOf(await turns.output(scope, original.turn.id))).toEqual(['clock {}\nnoon', 'noon it is']);
  });

  it('what was copied cannot run again: its step and its call answer with what is recorded', async () => {
    const { turns, scope } = await aStoreBench(open());
    const original = await anOriginal(turns, scope);
    const fork = await aFork(turns, scope, original.turn, {});
    expect((await turns.claimStep(scope, { turnId: fork.id, step: 1 })).committed).toMatchObject({ outcome: 'calls' });
    const claim = await turns.claimTool(scope, { turnId: fork.id, step: 1, callIndex: 0 });
    expect(claim).toMatchObject({ decision: 'done', call: { result: 'noon' } });
  });

  it('a changed result: in the fork alone, in its receipt and in its item', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn, itemId } = await anOriginal(turns, scope);
    const fork = await aFork(turns, scope, turn, { toolResult: { itemId, text: 'midnight' } });
    expect((await turns.loadContext(scope, fork.id))?.toolCalls).toMatchObject([
      { result: 'midnight', fullResult: null },
    ]);
    expect(textsOf(await turns.output(scope, fork.id))).toEqual(['clock {}\nmidnight']);
    expect(await turns.fullResult(scope, turn.id, itemId)).toBe('noon');
    const missing = aFork(turns, scope, turn, { toolResult: { itemId: newId('genericToolCall'), text: 'x' } });
    await expect(missing).rejects.toMatchObject({ code: 'item.not-found' });
  });

  it('from the first step with another input: nothing but that input', async () => {
    const { turns, scope } = await aStoreBench(open());
    const original = await anOriginal(turns, scope);
    const fork = await turns.accept(
      scope,
      aNewTurn({
        input: [aMessage('what day is it?')],
        parentId: null,
        fork: { turnId: original.turn.id, through: 0, input: false, toolResult: null },
      }),
    );
    const context = await turns.loadContext(scope, fork.turn.id);
    expect(textsOf(context?.path ?? [])).toEqual(['what day is it?']);
    expect(context?.toolCalls).toEqual([]);
  });

  it('what it cost: the copied steps were paid by the original', async () => {
    const { turns, scope } = await aStoreBench(open());
    const usage = createUsageStore(open().database);
    const original = await anOriginal(turns, scope);
    const fork = await aFork(turns, scope, original.turn, {});
    expect(await usage.callsOf(scope, fork.id)).toEqual([]);
    await turns.claimStep(scope, { turnId: fork.id, step: 2 });
    await turns.commitStep(scope, aStepCommit({ turnId: fork.id, step: 2 }));
    expect(await turns.get(scope, fork.id)).toMatchObject({ costMicros: 7 });
    expect(await turns.get(scope, original.turn.id)).toMatchObject({ costMicros: 14 });
  });
});
