/** Proven: steps and tool calls are fenced by attempt, whoever races, and nothing unkeyed is handed out twice. */
import { expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench, textsOf } from '../support/store-bench.js';
import {
  aCallingStep,
  aModelCall,
  anAnswer,
  aNewTurn,
  anEnding,
  aReceipt,
  aStepCommit,
  aStepResult,
  aToolItem,
} from '../support/turn-builders.js';
describeOnDatabases('turn store: steps and calls', (open) => {
  it('claimStep: each claim -> a higher attempt and event numbers above all given out before', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const claims = await Promise.all(
      Array.from({ length: 5 }, () => turns.claimStep(scope, { turnId: turn.id, step: 1 })),
    );
    expect(claims.map(({ attempt }) => attempt).sort()).toEqual([2, 3, 4, 5, 6]);
    const bySequence = [...claims].sort((left, right) => left.attempt - right.attempt);
    expect(bySequence.map(({ firstSequence }) => firstSequence)).toEqual([1e6, 2e6, 3e6, 4e6, 5e6]);
    expect(await turns.reserveSequence(scope, turn.id)).toBe(6e6);
    expect(await turns.claimStep(scope, { turnId: turn.id, step: 2 })).toEqual({
      attempt: 1,
      firstSequence: 7e6,
      committed: null,
    });
  });

  it('commitStep: an older attempt -> writes nothing; the newest -> writes all', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.claimStep(scope, { turnId: turn.id, step: 1 });
    expect(
      await turns.commitStep(scope, aStepCommit({ turnId: turn.id, attempt: 1, items: [anAnswer('stale')] })),
    ).toBeNull();
    expect(await turns.output(scope, turn.id)).toEqual([]);
    expect(await turns.get(scope, turn.id)).toMatchObject({ status: 'in_progress', costMicros: 0, answeredBy: null });
    expect(
      await turns.commitStep(scope, aStepCommit({ turnId: turn.id, attempt: 2, items: [anAnswer('fresh')] })),
    ).toEqual({ turn: await turns.get(scope, turn.id), next: null });
    expect(textsOf(await turns.output(scope, turn.id))).toEqual(['fresh']);
  });

  it('commitStep: two attempts at the same moment -> exactly one is written', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const claim = await turns.claimStep(scope, { turnId: turn.id, step: 1 });
    const committed = await Promise.all([
      turns.commitStep(scope, aStepCommit({ turnId: turn.id, attempt: claim.attempt })),
      turns.commitStep(scope, aStepCommit({ turnId: turn.id, attempt: claim.attempt })),
    ]);
    expect(committed.filter(Boolean)).toHaveLength(1);
    expect(await turns.output(scope, turn.id)).toHaveLength(1);
  });

  it('commitStep: against claims and a cancel at the same moment -> no deadlock, one terminal state', async () => {
    const { turns, scope } = await aStoreBench(open());
    for (let round = 0; round < 10; round += 1) {
      const { turn } = await turns.accept(scope, aNewTurn());
      const [committed, , finished] = await Promise.all([
        turns.commitStep(scope, aStepCommit({ turnId: turn.id })),
        turns.claimStep(scope, { turnId: turn.id, step: 1 }).catch((error: unknown) => error),
        turns.finish(scope, turn.id, anEnding({ status: 'cancelled' })),
      ]);
      const stored = await turns.get(scope, turn.id);
      expect(stored?.status).toBe(committed === null ? 'cancelled' : 'completed');
      expect(finished.closedNow).toBe(committed === null);
      expect(await turns.output(scope, turn.id)).toHaveLength(committed === null ? 0 : 1);
    }
  });

  it('commitStep: several steps -> usage and cost add up, an unknown price is flagged', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.commitStep(scope, aCallingStep(turn.id));
    await turns.claimStep(scope, { turnId: turn.id, step: 2 });
    const failed = aModelCall({ outcome: 'failed', failureCode: 'model.timeout', costMicros: null });
    const priced = aModelCall({ costMicros: 100 });
    await turns.commitStep(
      scope,
      aStepCommit({ turnId: turn.id, step: 2, modelCalls: [failed, priced], answeredBy: 'a/b' }),
    );
    expect(await turns.get(scope, turn.id)).toMatchObject({
      status: 'completed',
      answeredBy: 'a/b',
      costMicros: 107,
      costIncomplete: true,
      usage: { inputTokens: 30, outputTokens: 15 },
    });
  });

  it('claimStep: after the step ended the turn -> its result, above all numbers; another step -> cancelled', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const result = aStepResult({ tokens: 42 });
    await turns.commitStep(scope, aStepCommit({ turnId: turn.id, result }));
    expect(await turns.claimStep(scope, { turnId: turn.id, step: 1 })).toEqual({
      attempt: 2,
      firstSequence: 1e6,
      committed: result,
    });
    await expect(turns.claimStep(scope, { turnId: turn.id, step: 2 })).rejects.toMatchObject({
      code: 'turn.cancelled',
    });
    await expect(turns.claimStep(scope, { turnId: newId('response'), step: 1 })).rejects.toMatchObject({
      code: 'response.not-found',
    });
  });

  it('claimTool: a fresh call -> run; a receipt -> done; a stale receipt -> refused', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const item = aToolItem();
    await turns.commitStep(scope, aCallingStep(turn.id, item));
    const key = { turnId: turn.id, step: 1, callIndex: 0 };
    const first = await turns.claimTool(scope, key);
    expect(first).toMatchObject({ decision: 'run', call: { attempt: 1, status: 'running' }, item: { item } });
    const second = await turns.claimTool(scope, key);
    expect(second).toMatchObject({ decision: 'run', call: { attempt: 2 } });
    const done = { ...item, status: 'completed', output: 'noon' } as const;
    expect(await turns.commitTool(scope, aReceipt(turn.id, { attempt: 1, item: done }))).toBe(false);
    expect(await turns.commitTool(scope, aReceipt(turn.id, { attempt: 2, item: done, fullResult: 'high noon' }))).toBe(
      true,
    );
    expect(await turns.claimTool(scope, key)).toMatchObject({
      decision: 'done',
      call: { status: 'completed', result: 'noon', attempt: 2, durationMs: 4 },
      item: { item: done },
    });
    expect(await turns.fullResult(scope, turn.id, item.id)).toBe('high noon');
    expect((await turns.loadContext(scope, turn.id))?.toolCalls).toMatchObject([{ itemId: item.id, result: 'noon' }]);
  });

  it('claimTool: an unkeyed call begun before -> unknown, and what its first attempt still writes is refused', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const item = aToolItem();
    await turns.commitStep(scope, aCallingStep(turn.id, item, { effect: 'unkeyed' }));
    const key = { turnId: turn.id, step: 1, callIndex: 0 };
    expect((await turns.claimTool(scope, key)).decision).toBe('run');
    const again = await turns.claimTool(scope, key);
    expect(again.decision).toBe('unknown');
    expect(await turns.commitTool(scope, aReceipt(turn.id, { attempt: 1 }))).toBe(false);
    const receipt = aReceipt(turn.id, {
      attempt: again.call.attempt,
      status: 'outcome_unknown',
      item: { ...item, status: 'failed' },
    });
    expect(await turns.commitTool(scope, receipt)).toBe(true);
    expect(await turns.claimTool(scope, key)).toMatchObject({ decision: 'done', call: { status: 'outcome_unknown' } });
  });

  it('claimTool: 10 claims of an unkeyed call at once -> exactly one may run it', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.commitStep(scope, aCallingStep(turn.id, aToolItem(), { effect: 'unkeyed' }));
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 })),
    );
    expect(claims.filter(({ decision }) => decision === 'run')).toHaveLength(1);
  });
});
