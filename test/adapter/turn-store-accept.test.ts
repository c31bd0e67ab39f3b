/** Proven: accepting is atomic, idempotent and one at a time per conversation, and puts a turn at its place in the tree. */
import { expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import type { Item } from '../../domain/item.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench, textsOf } from '../support/store-bench.js';
import { aMessage, aNewTurn, anEnding } from '../support/turn-builders.js';
describeOnDatabases('turn store: accepting', (open) => {
  it('accept: a new turn -> it runs, holds its input, and reads back as it was returned', async () => {
    const { turns, scope } = await aStoreBench(open());
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
    const { turns, scope } = await aStoreBench(open());
    const first = await turns.accept(scope, aNewTurn({ idempotencyKey: 'k', requestHash: 'h' }));
    const second = await turns.accept(scope, aNewTurn({ idempotencyKey: 'k', requestHash: 'h' }));
    expect(second).toEqual({ kind: 'replayed', turn: first.turn });
    await expect(turns.accept(scope, aNewTurn({ idempotencyKey: 'k', requestHash: 'other' }))).rejects.toMatchObject({
      code: 'request.idempotency-mismatch',
    });
  });

  it('accept: 50 at once with one key -> one turn', async () => {
    const { turns, scope } = await aStoreBench(open());
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => turns.accept(scope, aNewTurn({ idempotencyKey: 'same' }))),
    );
    expect(new Set(outcomes.map(({ turn }) => turn.id)).size).toBe(1);
    expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
  });

  it('accept: one key in two tenants -> two turns', async () => {
    const bench = await aStoreBench(open());
    const other = await open().newScope();
    const mine = await bench.turns.accept(bench.scope, aNewTurn({ idempotencyKey: 'k' }));
    const theirs = await bench.turns.accept(other, aNewTurn({ idempotencyKey: 'k' }));
    expect([mine.kind, theirs.kind]).toEqual(['accepted', 'accepted']);
    expect(mine.turn.id).not.toBe(theirs.turn.id);
  });

  it('accept: 20 at once in one conversation -> one runs, the others are told which', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => bench.turns.accept(bench.scope, aNewTurn({ conversationId }))),
    );
    const accepted = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(accepted).toHaveLength(1);
    const runningId = accepted[0]?.value.turn.id ?? 'none';
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason).toMatchObject({ code: 'conversation.busy' });
        expect(String(outcome.reason)).toContain(runningId);
      }
    }
  });

  it('accept: unknown conversation, parent or a parent of another tenant -> not found', async () => {
    const bench = await aStoreBench(open());
    const foreign = await (await aStoreBench(open())).answered('secret');
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
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    await expect(turns.accept(scope, aNewTurn({ parentId: turn.id }))).rejects.toMatchObject({
      code: 'response.still-running',
    });
  });

  it('accept: an unstored parent -> not found', async () => {
    const bench = await aStoreBench(open());
    const unstored = await bench.answered('forget me', { stored: false });
    await expect(bench.turns.accept(bench.scope, aNewTurn({ parentId: unstored.id }))).rejects.toMatchObject({
      code: 'response.not-found',
    });
  });

  it('accept: a parent of another conversation than the one named -> refused', async () => {
    const bench = await aStoreBench(open());
    const parent = await bench.answered('here', { conversationId: await bench.aConversation() });
    const elsewhere = await bench.aConversation();
    await expect(
      bench.turns.accept(bench.scope, aNewTurn({ parentId: parent.id, conversationId: elsewhere })),
    ).rejects.toMatchObject({ code: 'request.invalid' });
  });

  it('conversation: each turn -> continues from the head, and names the conversation after the first words', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const first = await bench.answered('What is\n a turnstone?', { conversationId });
    const second = await bench.answered('And a plover?', { conversationId });
    expect(second).toMatchObject({ parentId: first.id, conversationId });
    expect(await bench.conversations.get(bench.scope, conversationId)).toMatchObject({
      headTurnId: second.id,
      title: 'What is a turnstone?',
    });
  });

  it('conversation: a parent named inside it -> a branch of the same conversation', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const root = await bench.answered('root', { conversationId });
    await bench.answered('left', { conversationId });
    const right = await bench.answered('right', { parentId: root.id });
    expect(right.conversationId).toBe(conversationId);
    const context = await bench.turns.loadContext(bench.scope, right.id);
    expect(textsOf(context?.path ?? [])).toEqual(['root', 're: root', 'right', 're: right']);
  });

  it('conversation: a failed turn -> is not the head; a cancelled one is', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const good = await bench.answered('good', { conversationId });
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

  it('text that a database cannot hold -> request.invalid without the text, and the store goes on', async () => {
    const { turns, scope } = await aStoreBench(open());
    for (const text of ['nul \u0000 byte', 'half \ud83d pair']) {
      const refused = await turns.accept(scope, aNewTurn({ input: [aMessage(text)] })).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'request.invalid' });
      expect(String(refused)).not.toContain(text);
    }
    expect((await turns.accept(scope, aNewTurn())).kind).toBe('accepted');
  });

  it('a long text of many words -> stored whole, searched up to a bound', async () => {
    const { turns, scope } = await aStoreBench(open());
    const text = Array.from({ length: 300_000 }, (_, index) => `w${index}`).join(' ');
    const { turn } = await turns.accept(scope, aNewTurn({ input: [aMessage(text)] }));
    expect(textsOf((await turns.loadContext(scope, turn.id))?.path ?? [])).toEqual([text]);
  });
});
