/** The suite of the usage store: what was used is booked once, also by attempts that failed, and never another tenant's. */
import { expect, it } from 'vitest';
import { createUsageStore } from '../../adapters/postgres/usage-store.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench } from '../support/store-bench.js';
import { aModelCall, aNewTurn, aStepCommit } from '../support/turn-builders.js';

const tokens = (inputTokens: number, outputTokens: number): object => ({
  inputTokens,
  cachedTokens: 0,
  outputTokens,
  reasoningTokens: 0,
  estimated: false,
});

describeOnDatabases('usage store', (open) => {
  it('ofConversation: sums over all turns of all branches; an empty one is zero', async () => {
    const { turns, scope, aConversation } = await aStoreBench(open());
    const usage = createUsageStore(open().database);
    const conversationId = await aConversation();
    expect(await usage.ofConversation(scope, conversationId)).toMatchObject({ turns: 0, costMicros: 0 });
    const first = await turns.accept(scope, aNewTurn({ conversationId }));
    const call = aModelCall({ usage: tokens(10, 5) as never, costMicros: 7 });
    await turns.commitStep(scope, aStepCommit({ turnId: first.turn.id, modelCalls: [call] }));
    for (let branch = 0; branch < 2; branch += 1) {
      const { turn } = await turns.accept(scope, aNewTurn({ conversationId, parentId: first.turn.id }));
      await turns.commitStep(scope, aStepCommit({ turnId: turn.id, modelCalls: [call] }));
    }
    expect(await usage.ofConversation(scope, conversationId)).toEqual({
      turns: 3,
      usage: tokens(30, 15),
      costMicros: 21,
      costIncomplete: false,
    });
  });

  it('recordCalls: a failed attempt is booked once, in the ledger and in the turn’s sums', async () => {
    const { turns, scope } = await aStoreBench(open());
    const usage = createUsageStore(open().database);
    const { turn } = await turns.accept(scope, aNewTurn());
    const cut = aModelCall({
      outcome: 'failed',
      failureCode: 'model.stream-cut',
      usage: { ...tokens(8, 2), estimated: true } as never,
      costMicros: 4,
    });
    const attempt = { turnId: turn.id, step: 1, attempt: 1, modelCalls: [cut] };
    await turns.recordCalls(scope, attempt);
    await turns.recordCalls(scope, attempt);
    await turns.claimStep(scope, { turnId: turn.id, step: 1 });
    const good = aModelCall({ usage: tokens(8, 6) as never, costMicros: 6 });
    await turns.commitStep(scope, aStepCommit({ turnId: turn.id, attempt: 2, modelCalls: [good] }));
    expect(await turns.get(scope, turn.id)).toMatchObject({
      usage: { inputTokens: 16, outputTokens: 8, estimated: true },
      costMicros: 10,
    });
    expect(await usage.callsOf(scope, turn.id)).toMatchObject([
      { step: 1, attempt: 1, outcome: 'failed', failureCode: 'model.stream-cut', costMicros: 4 },
      { step: 1, attempt: 2, outcome: 'completed', failureCode: null, costMicros: 6 },
    ]);
  });

  it('another tenant: sees no calls and no sums', async () => {
    const { turns, scope, aConversation } = await aStoreBench(open());
    const usage = createUsageStore(open().database);
    const conversationId = await aConversation();
    const { turn } = await turns.accept(scope, aNewTurn({ conversationId }));
    await turns.commitStep(scope, aStepCommit({ turnId: turn.id }));
    const theirs = await open().newScope();
    expect(await usage.callsOf(theirs, turn.id)).toEqual([]);
    expect(await usage.ofConversation(theirs, conversationId)).toMatchObject({ turns: 0, costMicros: 0 });
  });
});
