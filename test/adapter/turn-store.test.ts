/**
 * Proven: accepting is atomic, idempotent and one at a time per conversation; steps and tool calls are fenced by attempt;
 * closing happens once; a turn's context is its path up the tree.
 */
import { expect, it } from 'vitest';
import { createConversationStore } from '../../adapters/postgres/conversation-store.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { newId } from '../../domain/ids.js';
import { itemText } from '../../domain/item.js';
import type { Item } from '../../domain/item.js';
import type { ConversationStore } from '../../domain/ports/conversation-store.js';
import type { TurnStore } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { StoredItem } from '../../domain/turn.js';
import { describeOnDatabases } from '../support/database.js';
import {
  aCallingStep,
  aMessage,
  aModelCall,
  anAnswer,
  aNewTurn,
  anEnding,
  aReceipt,
  aStepCommit,
  aStepResult,
  aToolItem,
} from '../support/turn-builders.js';

describeOnDatabases('turn store', (open) => {
  interface Bench {
    readonly turns: TurnStore;
    readonly conversations: ConversationStore;
    readonly scope: Scope;
  }
  const set = async (): Promise<Bench> => {
    const { database, newScope } = open();
    return {
      turns: createTurnStore(database),
      conversations: createConversationStore(database),
      scope: await newScope(),
    };
  };
  /** A turn that was asked and answered. */
  const answered = async ({ turns, scope }: Bench, question: string, changes: Parameters<typeof aNewTurn>[0] = {}) => {
    const { turn } = await turns.accept(scope, aNewTurn({ input: [aMessage(question)], ...changes }));
    await turns.commitStep(scope, aStepCommit({ turnId: turn.id, items: [anAnswer(`re: ${question}`)] }));
    return turn;
  };
  const aConversation = async ({ conversations, scope }: Bench): Promise<string> => {
    const { id } = await conversations.create(scope, { id: newId('conversation'), title: null, metadata: {} });
    return id;
  };
  const texts = (path: readonly StoredItem[]): string[] => path.map(({ item }) => itemText(item));

  it('accept: a new turn -> it runs, holds its input, and reads back as it was returned', async () => {
    const { turns, scope } = await set();
    const input: Item[] = [aMessage('one'), aMessage('two')];
    const outcome = await turns.accept(scope, aNewTurn({ input, metadata: { a: 'b' }, background: true }));
    expect(outcome).toMatchObject({
      kind: 'accepted',
      turn: { status: 'in_progress', parentId: null, metadata: { a: 'b' } },
    });
    expect(await turns.get(scope, outcome.turn.id)).toEqual(outcome.turn);
    const context = await turns.loadContext(scope, outcome.turn.id);
    expect(context?.path.map(({ item }) => item)).toEqual(input);
    expect(context?.path.map(({ step, index, direction }) => ({ step, index, direction }))).toEqual([
      { step: 0, index: 0, direction: 'input' },
      { step: 0, index: 1, direction: 'input' },
    ]);
  });

  it('accept: the same key and body -> the same turn; another body -> mismatch', async () => {
    const { turns, scope } = await set();
    const first = await turns.accept(scope, aNewTurn({ idempotencyKey: 'k', requestHash: 'h' }));
    const second = await turns.accept(scope, aNewTurn({ idempotencyKey: 'k', requestHash: 'h' }));
    expect(second).toEqual({ kind: 'replayed', turn: first.turn });
    await expect(turns.accept(scope, aNewTurn({ idempotencyKey: 'k', requestHash: 'other' }))).rejects.toMatchObject({
      code: 'request.idempotency-mismatch',
    });
  });

  it('accept: 50 at once with one key -> one turn', async () => {
    const { turns, scope } = await set();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => turns.accept(scope, aNewTurn({ idempotencyKey: 'same' }))),
    );
    expect(new Set(outcomes.map(({ turn }) => turn.id)).size).toBe(1);
    expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
  });

  it('accept: one key in two tenants -> two turns', async () => {
    const bench = await set();
    const other = await open().newScope();
    const mine = await bench.turns.accept(bench.scope, aNewTurn({ idempotencyKey: 'k' }));
    const theirs = await bench.turns.accept(other, aNewTurn({ idempotencyKey: 'k' }));
    expect([mine.kind, theirs.kind]).toEqual(['accepted', 'accepted']);
    expect(mine.turn.id).not.toBe(theirs.turn.id);
  });

  it('accept: 20 at once in one conversation -> one runs, the others are told which', async () => {
    const bench = await set();
    const conversationId = await aConversation(bench);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => bench.turns.accept(bench.scope, aNewTurn({ conversationId }))),
    );
    const accepted = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(accepted).toHaveLength(1);
    const runningId = accepted[0]?.value.turn.id ?? 'none';
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason).toMatchObject({
          code: 'conversation.busy',
          message: expect.stringContaining(runningId),
        });
      }
    }
  });

  it('accept: unknown conversation, parent or a parent of another tenant -> not found', async () => {
    const bench = await set();
    const other = await open().newScope();
    const foreign = await answered({ ...bench, scope: other }, 'secret');
    const { turns, scope } = bench;
    await expect(turns.accept(scope, aNewTurn({ conversationId: newId('conversation') }))).rejects.toMatchObject({
      code: 'conversation.not-found',
    });
    for (const parentId of [newId('response'), foreign.id]) {
      await expect(turns.accept(scope, aNewTurn({ parentId }))).rejects.toMatchObject({
        code: 'response.not-found',
        param: 'previous_response_id',
      });
    }
  });

  it('accept: a parent that still runs -> still running', async () => {
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    await expect(turns.accept(scope, aNewTurn({ parentId: turn.id }))).rejects.toMatchObject({
      code: 'response.still-running',
    });
  });

  it('accept: an unstored parent -> not found', async () => {
    const bench = await set();
    const unstored = await answered(bench, 'forget me', { stored: false });
    await expect(bench.turns.accept(bench.scope, aNewTurn({ parentId: unstored.id }))).rejects.toMatchObject({
      code: 'response.not-found',
    });
  });

  it('accept: a parent of another conversation than the one named -> refused', async () => {
    const bench = await set();
    const parent = await answered(bench, 'here', { conversationId: await aConversation(bench) });
    const elsewhere = await aConversation(bench);
    await expect(
      bench.turns.accept(bench.scope, aNewTurn({ parentId: parent.id, conversationId: elsewhere })),
    ).rejects.toMatchObject({ code: 'request.invalid' });
  });

  it('conversation: each turn -> continues from the head, and names the conversation after the first words', async () => {
    const bench = await set();
    const conversationId = await aConversation(bench);
    const first = await answered(bench, 'What is\n a turnstone?', { conversationId });
    const second = await answered(bench, 'And a plover?', { conversationId });
    expect(second).toMatchObject({ parentId: first.id, conversationId });
    expect(await bench.conversations.get(bench.scope, conversationId)).toMatchObject({
      headTurnId: second.id,
      title: 'What is a turnstone?',
    });
  });

  it('conversation: a parent named inside it -> a branch of the same conversation', async () => {
    const bench = await set();
    const conversationId = await aConversation(bench);
    const root = await answered(bench, 'root', { conversationId });
    await answered(bench, 'left', { conversationId });
    const right = await answered(bench, 'right', { parentId: root.id });
    expect(right.conversationId).toBe(conversationId);
    const context = await bench.turns.loadContext(bench.scope, right.id);
    expect(texts(context?.path ?? [])).toEqual(['root', 're: root', 'right', 're: right']);
  });

  it('conversation: a failed turn -> is not the head; a cancelled one is', async () => {
    const bench = await set();
    const conversationId = await aConversation(bench);
    const good = await answered(bench, 'good', { conversationId });
    const bad = await bench.turns.accept(bench.scope, aNewTurn({ conversationId }));
    await bench.turns.finish(
      bench.scope,
      bad.turn.id,
      anEnding({ status: 'failed', error: { code: 'x', message: 'y' } }),
    );
    expect(await bench.conversations.get(bench.scope, conversationId)).toMatchObject({ headTurnId: good.id });
    const stopped = await bench.turns.accept(bench.scope, aNewTurn({ conversationId }));
    await bench.turns.finish(bench.scope, stopped.turn.id, anEnding({ status: 'cancelled' }));
    expect(await bench.conversations.get(bench.scope, conversationId)).toMatchObject({ headTurnId: stopped.turn.id });
  });

  it('claimStep: each claim -> a higher attempt and event numbers above all given out before', async () => {
    const { turns, scope } = await set();
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
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.claimStep(scope, { turnId: turn.id, step: 1 });
    expect(
      await turns.commitStep(scope, aStepCommit({ turnId: turn.id, attempt: 1, items: [anAnswer('stale')] })),
    ).toBe(false);
    expect(await turns.output(scope, turn.id)).toEqual([]);
    expect(await turns.get(scope, turn.id)).toMatchObject({ status: 'in_progress', costMicros: 0, answeredBy: null });
    expect(
      await turns.commitStep(scope, aStepCommit({ turnId: turn.id, attempt: 2, items: [anAnswer('fresh')] })),
    ).toBe(true);
    expect(texts(await turns.output(scope, turn.id))).toEqual(['fresh']);
  });

  it('commitStep: two attempts at the same moment -> exactly one is written', async () => {
    const { turns, scope } = await set();
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
    const { turns, scope } = await set();
    for (let round = 0; round < 10; round += 1) {
      const { turn } = await turns.accept(scope, aNewTurn());
      const [committed, , finished] = await Promise.all([
        turns.commitStep(scope, aStepCommit({ turnId: turn.id })),
        turns.claimStep(scope, { turnId: turn.id, step: 1 }).catch((error: unknown) => error),
        turns.finish(scope, turn.id, anEnding({ status: 'cancelled' })),
      ]);
      const stored = await turns.get(scope, turn.id);
      expect(stored?.status).toBe(committed ? 'completed' : 'cancelled');
      expect(finished.closedNow).toBe(!committed);
      expect(await turns.output(scope, turn.id)).toHaveLength(committed ? 1 : 0);
    }
  });

  it('commitStep: several steps -> usage and cost add up, an unknown price is flagged', async () => {
    const { turns, scope } = await set();
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
    const { turns, scope } = await set();
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
    const { turns, scope } = await set();
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
    const { turns, scope } = await set();
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
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.commitStep(scope, aCallingStep(turn.id, aToolItem(), { effect: 'unkeyed' }));
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 })),
    );
    expect(claims.filter(({ decision }) => decision === 'run')).toHaveLength(1);
  });

  it('finish: twice -> closes once; open items become incomplete and open calls cancelled', async () => {
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    const item = aToolItem();
    await turns.commitStep(scope, aCallingStep(turn.id, item));
    await turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 });
    const first = await turns.finish(scope, turn.id, anEnding({ status: 'cancelled' }));
    const second = await turns.finish(scope, turn.id, anEnding({ status: 'failed' }));
    expect([first.closedNow, second.closedNow]).toEqual([true, false]);
    expect(second.turn).toEqual(first.turn);
    expect(first.turn).toMatchObject({ status: 'cancelled', completedAtMs: expect.any(Number) });
    expect(await turns.output(scope, turn.id)).toMatchObject([{ item: { status: 'incomplete' } }]);
    expect((await turns.loadContext(scope, turn.id))?.toolCalls).toMatchObject([{ status: 'cancelled' }]);
    expect(await turns.commitTool(scope, aReceipt(turn.id))).toBe(false);
    await expect(turns.finish(scope, newId('response'), anEnding())).rejects.toMatchObject({
      code: 'response.not-found',
    });
  });

  it('finish: with a call the client must answer -> that call stays pending', async () => {
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.commitStep(scope, aCallingStep(turn.id, aToolItem(), { kind: 'client' }));
    await turns.finish(scope, turn.id, anEnding());
    expect((await turns.loadContext(scope, turn.id))?.toolCalls).toMatchObject([{ status: 'pending' }]);
  });

  it('loadContext: a compaction on the path -> starts there, in its own turn or in an ancestor', async () => {
    const bench = await set();
    const { turns, scope } = bench;
    const first = await answered(bench, 'old');
    const second = await turns.accept(scope, aNewTurn({ parentId: first.id, input: [aMessage('middle')] }));
    const compaction = { type: 'compaction', id: newId('compaction'), encrypted_content: 'e30' } as const;
    await turns.commitStep(scope, aStepCommit({ turnId: second.turn.id, items: [compaction, anAnswer('after')] }));
    expect((await turns.loadContext(scope, second.turn.id))?.path.map(({ item }) => item.type)).toEqual([
      'compaction',
      'message',
    ]);
    const third = await answered(bench, 'new', { parentId: second.turn.id });
    expect(texts((await turns.loadContext(scope, third.id))?.path ?? [])).toEqual(['', 'after', 'new', 're: new']);
  });

  it('loadContext: an unknown turn -> null', async () => {
    const { turns, scope } = await set();
    expect(await turns.loadContext(scope, newId('response'))).toBeNull();
  });

  it('inputItems: pages both ways -> every item of the input once, no output of the turn itself', async () => {
    const bench = await set();
    const first = await answered(bench, 'one');
    const second = await answered(bench, 'two', { parentId: first.id });
    const page = async (order: 'asc' | 'desc'): Promise<string[]> => {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const found = await bench.turns.inputItems(bench.scope, second.id, { after, limit: 2, order });
        seen.push(...texts(found.items));
        after = found.items.at(-1)?.item.id ?? null;
        more = found.hasMore;
      }
      return seen;
    };
    expect(await page('desc')).toEqual(['two', 're: one', 'one']);
    expect(await page('asc')).toEqual(['one', 're: one', 'two']);
    await expect(
      bench.turns.inputItems(bench.scope, second.id, { after: 'msg_none', limit: 2, order: 'asc' }),
    ).rejects.toMatchObject({ code: 'request.invalid', param: 'after' });
  });

  it('remove: a turn in the middle -> its children hang on its parent', async () => {
    const bench = await set();
    const conversationId = await aConversation(bench);
    const first = await answered(bench, 'one', { conversationId });
    const second = await answered(bench, 'two', { conversationId });
    const third = await answered(bench, 'three', { conversationId });
    expect(await bench.turns.remove(bench.scope, second.id)).toBe(true);
    expect(await bench.turns.remove(bench.scope, second.id)).toBe(false);
    expect(await bench.turns.get(bench.scope, third.id)).toMatchObject({ parentId: first.id });
    expect(texts((await bench.turns.loadContext(bench.scope, third.id))?.path ?? [])).toEqual([
      'one',
      're: one',
      'three',
      're: three',
    ]);
    await bench.turns.remove(bench.scope, third.id);
    expect(await bench.conversations.get(bench.scope, conversationId)).toMatchObject({ headTurnId: first.id });
  });

  it('remove: a running turn -> still running', async () => {
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    await expect(turns.remove(scope, turn.id)).rejects.toMatchObject({ code: 'response.still-running' });
  });

  it('replaceItem: an item of the input -> reads back as replaced; none -> not found', async () => {
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    const replacement = aMessage('prepared');
    await turns.replaceItem(scope, turn.id, 0, 0, replacement);
    expect((await turns.loadContext(scope, turn.id))?.path[0]?.item).toEqual(replacement);
    await expect(turns.replaceItem(scope, turn.id, 0, 9, replacement)).rejects.toMatchObject({
      code: 'item.not-found',
    });
  });

  it('recordLastSequence: numbers out of order -> the highest stays', async () => {
    const { turns, scope } = await set();
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.recordLastSequence(scope, turn.id, 1_000_007);
    await turns.recordLastSequence(scope, turn.id, 9);
    expect(await turns.get(scope, turn.id)).toMatchObject({ lastSequence: 1_000_007 });
  });

  it('listOpen: open turns of all tenants -> oldest first, none that ended or is too young', async () => {
    const bench = await set();
    const other = { ...bench, scope: await open().newScope() };
    const first = await bench.turns.accept(bench.scope, aNewTurn());
    await new Promise((resolve) => setTimeout(resolve, 2));
    const second = await bench.turns.accept(other.scope, aNewTurn());
    const closed = await answered(bench, 'done');
    const open_ = await bench.turns.listOpen(-1000, 10_000);
    const mine = open_.filter(({ turnId }) => [first.turn.id, second.turn.id, closed.id].includes(turnId));
    expect(mine.map(({ turnId }) => turnId)).toEqual([first.turn.id, second.turn.id]);
    expect(mine[1]).toMatchObject({ tenantId: other.scope.tenantId, principalId: 'user-1' });
    const old = await bench.turns.listOpen(60_000, 10_000);
    expect(old.map(({ turnId }) => turnId)).not.toContain(first.turn.id);
  });

  it('purgeUnstored: ended and unstored -> gone; stored, running or kept by a conversation -> stays', async () => {
    const bench = await set();
    const gone = await answered(bench, 'gone', { stored: false });
    const kept = await answered(bench, 'kept');
    const held = await answered(bench, 'held', { stored: false, conversationId: await aConversation(bench) });
    const running = await bench.turns.accept(bench.scope, aNewTurn({ stored: false }));
    expect(await bench.turns.purgeUnstored(Date.now() - 60_000, 1000)).toBe(0);
    expect(await bench.turns.purgeUnstored(Date.now() + 1000, 1000)).toBeGreaterThanOrEqual(1);
    const left = await Promise.all([gone, kept, held, running.turn].map(({ id }) => bench.turns.get(bench.scope, id)));
    expect(left.map((turn) => turn !== null)).toEqual([false, true, true, true]);
  });

  it('text that a database cannot hold -> request.invalid without the text, and the store goes on', async () => {
    const { turns, scope } = await set();
    for (const text of ['nul \u0000 byte', 'half \ud83d pair']) {
      const refused = await turns.accept(scope, aNewTurn({ input: [aMessage(text)] })).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'request.invalid', message: expect.not.stringContaining('byte') });
    }
    expect((await turns.accept(scope, aNewTurn())).kind).toBe('accepted');
  });

  it('a long text of many words -> stored whole, searched up to a bound', async () => {
    const { turns, scope } = await set();
    const text = Array.from({ length: 300_000 }, (_, index) => `w${index}`).join(' ');
    const { turn } = await turns.accept(scope, aNewTurn({ input: [aMessage(text)] }));
    expect(texts((await turns.loadContext(scope, turn.id))?.path ?? [])).toEqual([text]);
  });
});
