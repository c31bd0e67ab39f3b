/** Proven: a message into a running turn is read by it once, or by a turn of its own; never by both, never by none. */
import { expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import type { Steer } from '../../domain/steer.js';
import { MAX_PENDING_STEERS } from '../../domain/steer.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench, textsOf } from '../support/store-bench.js';
import type { StoreBench } from '../support/store-bench.js';
import {
  aCallingStep,
  aMessage,
  anAnswer,
  aNewSteer,
  aNewTurn,
  anEnding,
  aStepCommit,
  aStepResult,
} from '../support/turn-builders.js';

async function aRunningTurn(bench: StoreBench, conversationId: string | null = null): Promise<string> {
  const { turn } = await bench.turns.accept(bench.scope, aNewTurn({ conversationId, input: [aMessage('first')] }));
  return turn.id;
}

async function steer(bench: StoreBench, turnId: string, text: string): Promise<Steer> {
  const outcome = await bench.steers.add(bench.scope, aNewSteer(turnId, text));
  if (outcome.kind === 'ended') throw new Error('it came too late');
  return outcome.steer;
}

describeOnDatabases('steer store', (open) => {
  it('add, claimStep: waits -> stands after the output of the step before, in order, once', async () => {
    const bench = await aStoreBench(open());
    const { turns, steers, scope } = bench;
    const turnId = await aRunningTurn(bench);
    const one = await steer(bench, turnId, 'one');
    expect(one).toMatchObject({ turnId, answeredBy: turnId, status: 'pending', step: null, endedAtMs: null });
    const two = await steer(bench, turnId, 'two');
    expect(await bench.pathOf(turnId)).toEqual(['first']);
    await turns.commitStep(scope, aCallingStep(turnId));
    const claim = await turns.claimStep(scope, { turnId, step: 2 });
    expect(claim.steers).toEqual([one, two].map(({ id, items }) => ({ id, items })));
    expect((await bench.pathOf(turnId)).filter((text) => !text.startsWith('clock'))).toEqual(['first', 'one', 'two']);
    const stored = (await turns.loadContext(scope, turnId))?.path ?? [];
    expect(stored.map(({ step, index, direction }) => [step, index, direction])).toEqual([
      [0, 0, 'input'],
      [1, 0, 'output'],
      [1, 1, 'input'],
      [1, 2, 'input'],
    ]);
    expect(await steers.list(scope, turnId)).toMatchObject([
      { id: one.id, status: 'picked_up', step: 2 },
      { id: two.id, status: 'picked_up', step: 2 },
    ]);
    // A later attempt of the step hears of them again, and of one that came meanwhile; a later step does not.
    const three = await steer(bench, turnId, 'three');
    const again = await turns.claimStep(scope, { turnId, step: 2 });
    expect(again.steers?.map(({ id }) => id)).toEqual([one.id, two.id, three.id]);
    await turns.commitStep(scope, { ...aCallingStep(turnId), step: 2, attempt: 2, toolCalls: [] });
    expect((await turns.claimStep(scope, { turnId, step: 3 })).steers).toBeUndefined();
    expect(await turns.output(scope, turnId)).toHaveLength(2);
  });

  it('commitStep: an answer while a message waits -> the turn goes on, and says so when it is asked again', async () => {
    const bench = await aStoreBench(open());
    const { turns, scope } = bench;
    const conversationId = await bench.aConversation();
    const turnId = await aRunningTurn(bench, conversationId);
    await steer(bench, turnId, 'wait');
    const committed = await turns.commitStep(
      scope,
      aStepCommit({ turnId, items: [anAnswer('done')], lastSequence: 7, result: aStepResult({ tokens: 15 }) }),
    );
    expect(committed).toMatchObject({
      next: null,
      turn: { status: 'in_progress', completedAtMs: null, lastSequence: null },
    });
    expect((await turns.claimStep(scope, { turnId, step: 1 })).committed).toEqual(
      aStepResult({ outcome: 'calls', status: null, tokens: 15 }),
    );
    expect(await bench.conversations.get(scope, conversationId)).toMatchObject({ headTurnId: null });
    await turns.claimStep(scope, { turnId, step: 2 });
    const ended = await turns.commitStep(scope, aStepCommit({ turnId, step: 2, items: [anAnswer('really done')] }));
    expect(ended).toMatchObject({ next: null, turn: { status: 'completed' } });
    expect(await bench.pathOf(turnId)).toEqual(['first', 'done', 'wait', 'really done']);
  });

  it.each([
    ['cancelled', {}],
    ['failed', { error: { code: 'x', message: 'y' } }],
    ['incomplete', { incompleteReason: 'max_steps' }],
  ] as const)(
    'finish: %s with messages left -> a turn of their own begins, before those that wait',
    async (status, more) => {
      const bench = await aStoreBench(open());
      const { turns, steers, scope } = bench;
      const conversationId = await bench.aConversation();
      const turnId = await aRunningTurn(bench, conversationId);
      await turns.accept(scope, aNewTurn({ conversationId, input: [aMessage('waits')], onConflict: 'queue' }));
      for (const text of ['one', 'two']) await steer(bench, turnId, text);
      const { next } = await turns.finish(scope, turnId, anEnding({ status, ...more }));
      const movedTo = next?.turn.id ?? '';
      expect(await bench.pathOf(movedTo)).toEqual(status === 'failed' ? ['one', 'two'] : ['first', 'one', 'two']);
      expect(await steers.list(scope, turnId)).toMatchObject([
        { status: 'moved', answeredBy: movedTo },
        { status: 'moved', answeredBy: movedTo },
      ]);
      const hits = await bench.conversations.list(scope, {
        q: 'two',
        archived: 'any',
        after: null,
        limit: 5,
        order: 'asc',
      });
      expect(hits.hits).toHaveLength(1);
      const last = await turns.commitStep(scope, aStepCommit({ turnId: movedTo }));
      expect(await bench.pathOf(last?.next?.turn.id ?? '')).toContain('waits');
    },
  );

  it('finish, commitStep: outside a conversation -> what is left goes on from the turn that ended', async () => {
    const bench = await aStoreBench(open());
    const { turns, scope } = bench;
    const turnId = await aRunningTurn(bench);
    await steer(bench, turnId, 'left');
    const ending = anEnding({ status: 'incomplete', incompleteReason: 'max_tokens' });
    const committed = await turns.commitStep(scope, aStepCommit({ turnId, items: [anAnswer('cut')], ending }));
    expect(committed).toMatchObject({ turn: { status: 'incomplete' }, next: { turn: { parentId: turnId } } });
    expect(await bench.pathOf(committed?.next?.turn.id ?? '')).toEqual(['first', 'cut', 'left']);
  });

  it('commitStep: calls for the client -> the turn closes for them; the message follows in its own turn', async () => {
    const bench = await aStoreBench(open());
    const turnId = await aRunningTurn(bench);
    await steer(bench, turnId, 'wait');
    const result = aStepResult({ clientCalls: 1 });
    const committed = await bench.turns.commitStep(bench.scope, aStepCommit({ turnId, result }));
    expect(committed).toMatchObject({ turn: { status: 'completed' }, next: { turn: { status: 'in_progress' } } });
  });

  it('add: against the closing commit -> it joins, or it came too late; never lost', async () => {
    const bench = await aStoreBench(open());
    const { turns, steers, scope } = bench;
    for (let round = 0; round < 20; round += 1) {
      const turnId = await aRunningTurn(bench);
      const [outcome, committed] = await Promise.all([
        steers.add(scope, aNewSteer(turnId, 'now?')),
        turns.commitStep(scope, aStepCommit({ turnId })),
      ]);
      const status = committed?.turn.status;
      expect([outcome.kind, status]).toEqual(
        outcome.kind === 'ended' ? ['ended', 'completed'] : ['steered', 'in_progress'],
      );
    }
  });

  it('accept with steer: joins what runs; a branch, or nothing running -> a turn of its own', async () => {
    const bench = await aStoreBench(open());
    const { turns, scope } = bench;
    const conversationId = await bench.aConversation();
    const root = await bench.answered('root', { conversationId });
    const own = await turns.accept(scope, aNewTurn({ conversationId, onConflict: 'steer' }));
    expect(own.kind).toBe('accepted');
    const key = { idempotencyKey: 'k', requestHash: 'h' };
    const joining = aNewTurn({ conversationId, onConflict: 'steer', input: [aMessage('joins')], ...key });
    const joined = await turns.accept(scope, joining);
    expect(joined).toMatchObject({ kind: 'steered', turn: { id: own.turn.id }, steer: { status: 'pending' } });
    expect(await turns.accept(scope, { ...joining, id: newId('response') })).toEqual(joined);
    await expect(turns.accept(scope, { ...joining, requestHash: 'other' })).rejects.toMatchObject({
      code: 'request.idempotency-mismatch',
    });
    const named = await turns.accept(scope, aNewTurn({ parentId: own.turn.id, onConflict: 'steer' }));
    expect(named).toMatchObject({ kind: 'steered', turn: { id: own.turn.id } });
    const branch = await turns.accept(scope, aNewTurn({ conversationId, parentId: root.id, onConflict: 'steer' }));
    expect(branch).toMatchObject({ kind: 'queued', turn: { parentId: root.id } });
  });

  it('accept with steer: 20 at once into a conversation where nothing runs -> one turn reads all of them', async () => {
    const bench = await aStoreBench(open());
    const { turns, scope } = bench;
    const conversationId = await bench.aConversation();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        turns.accept(scope, aNewTurn({ conversationId, onConflict: 'steer', input: [aMessage(`m${String(index)}`)] })),
      ),
    );
    const [turnId = '', ...others] = [...new Set(outcomes.map(({ turn }) => turn.id))];
    expect(others).toEqual([]);
    await turns.commitStep(scope, aStepCommit({ turnId, items: [] }));
    await turns.claimStep(scope, { turnId, step: 2 });
    expect(new Set(await bench.pathOf(turnId)).size).toBe(20);
  });

  it('cancel: before it is read -> never is, and the turn may close; after -> refused', async () => {
    const bench = await aStoreBench(open());
    const { turns, steers, scope } = bench;
    const turnId = await aRunningTurn(bench);
    const gone = await steer(bench, turnId, 'never mind');
    expect(await steers.cancel(scope, turnId, gone.id)).toMatchObject({ status: 'cancelled' });
    expect(await steers.cancel(scope, turnId, gone.id)).toMatchObject({ status: 'cancelled' });
    const read = await steer(bench, turnId, 'this one');
    await turns.commitStep(scope, aStepCommit({ turnId, items: [] }));
    await turns.claimStep(scope, { turnId, step: 2 });
    await expect(steers.cancel(scope, turnId, read.id)).rejects.toMatchObject({ code: 'steer.picked-up' });
    await expect(steers.cancel(scope, turnId, newId('steer'))).rejects.toMatchObject({ code: 'steer.not-found' });
    await expect(steers.cancel(scope, newId('response'), gone.id)).rejects.toMatchObject({ code: 'steer.not-found' });
    expect(await turns.commitStep(scope, aStepCommit({ turnId, step: 2 }))).toMatchObject({
      turn: { status: 'completed' },
    });
    expect(await bench.pathOf(turnId)).not.toContain('never mind');
  });

  it('cancel: against the step that would read it -> one of them wins', async () => {
    const bench = await aStoreBench(open());
    const { turns, steers, scope } = bench;
    for (let round = 0; round < 15; round += 1) {
      const turnId = await aRunningTurn(bench);
      await turns.commitStep(scope, aCallingStep(turnId));
      const { id } = await steer(bench, turnId, 'maybe');
      const [claim, cancelled] = await Promise.all([
        turns.claimStep(scope, { turnId, step: 2 }),
        steers.cancel(scope, turnId, id).catch(() => null),
      ]);
      expect(claim.steers?.length ?? 0).toBe(cancelled === null ? 1 : 0);
      const [stored] = await steers.list(scope, turnId);
      expect(stored?.status).toBe(cancelled === null ? 'picked_up' : 'cancelled');
      expect(textsOf((await turns.loadContext(scope, turnId))?.path ?? []).includes('maybe')).toBe(cancelled === null);
    }
  });

  it('add: bounds, keys, turns that cannot be steered, other tenants', async () => {
    const bench = await aStoreBench(open());
    const { turns, steers, scope } = bench;
    const conversationId = await bench.aConversation();
    const turnId = await aRunningTurn(bench, conversationId);
    const key = { idempotencyKey: 'k', requestHash: 'h' };
    const twice = await Promise.all([1, 2].map(() => steers.add(scope, aNewSteer(turnId, 'once', key))));
    expect(twice.map(({ kind }) => kind).sort()).toEqual(['replayed', 'steered']);
    for (let sent = 2; sent <= MAX_PENDING_STEERS; sent += 1) await steer(bench, turnId, String(sent));
    await expect(steer(bench, turnId, 'too many')).rejects.toMatchObject({ code: 'conversation.queue-full' });
    await expect(turns.accept(scope, aNewTurn({ conversationId, onConflict: 'steer' }))).rejects.toMatchObject({
      code: 'conversation.queue-full',
    });
    const queued = await turns.accept(scope, aNewTurn({ conversationId, onConflict: 'queue' }));
    await expect(steer(bench, queued.turn.id, 'x')).rejects.toMatchObject({ code: 'response.not-steerable' });
    await expect(steer(bench, newId('response'), 'x')).rejects.toMatchObject({ code: 'response.not-found' });
    const stranger = await open().newScope();
    await expect(steers.add(stranger, aNewSteer(turnId, 'x'))).rejects.toMatchObject({ code: 'response.not-found' });
    expect(await steers.list(stranger, turnId)).toEqual([]);
    await turns.finish(scope, turnId, anEnding());
    expect(await steers.add(scope, aNewSteer(turnId, 'late'))).toMatchObject({ kind: 'ended', turn: { id: turnId } });
  });
});
