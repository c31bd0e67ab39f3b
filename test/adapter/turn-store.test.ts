/** Proven: a turn's context is its path up the tree, closing happens once, and what is deleted leaves the tree whole. */
import { expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench, textsOf } from '../support/store-bench.js';
import {
  aCallingStep,
  aMessage,
  anAnswer,
  aNewTurn,
  anEnding,
  aReceipt,
  aStepCommit,
  aToolItem,
} from '../support/turn-builders.js';
describeOnDatabases('turn store', (open) => {
  it('finish: twice -> closes once; open items become incomplete and open calls cancelled', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const item = aToolItem();
    await turns.commitStep(scope, aCallingStep(turn.id, item));
    await turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 });
    const first = await turns.finish(scope, turn.id, anEnding({ status: 'cancelled' }));
    const second = await turns.finish(scope, turn.id, anEnding({ status: 'failed' }));
    expect([first.closedNow, second.closedNow]).toEqual([true, false]);
    expect(second.turn).toEqual(first.turn);
    expect(first.turn.status).toBe('cancelled');
    expect(first.turn.completedAtMs).not.toBeNull();
    expect(await turns.output(scope, turn.id)).toMatchObject([{ item: { status: 'incomplete' } }]);
    expect((await turns.loadContext(scope, turn.id))?.toolCalls).toMatchObject([{ status: 'cancelled' }]);
    expect(await turns.commitTool(scope, aReceipt(turn.id))).toBe(false);
    await expect(turns.finish(scope, newId('response'), anEnding())).rejects.toMatchObject({
      code: 'response.not-found',
    });
  });

  it('finish: with a call the client must answer -> that call stays pending', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.commitStep(scope, aCallingStep(turn.id, aToolItem(), { kind: 'client' }));
    await turns.finish(scope, turn.id, anEnding());
    expect((await turns.loadContext(scope, turn.id))?.toolCalls).toMatchObject([{ status: 'pending' }]);
  });

  it('loadContext: a compaction on the path -> starts with the turn that holds it, whole', async () => {
    const bench = await aStoreBench(open());
    const { turns, scope } = bench;
    const first = await bench.answered('old');
    const second = await turns.accept(scope, aNewTurn({ parentId: first.id, input: [aMessage('middle')] }));
    const compaction = { type: 'compaction', id: newId('compaction'), encrypted_content: 'e30' } as const;
    await turns.commitStep(scope, aStepCommit({ turnId: second.turn.id, items: [compaction, anAnswer('after')] }));
    expect(textsOf((await turns.loadContext(scope, second.turn.id))?.path ?? [])).toEqual(['middle', '', 'after']);
    const third = await bench.answered('new', { parentId: second.turn.id });
    expect(textsOf((await turns.loadContext(scope, third.id))?.path ?? [])).toEqual([
      'middle',
      '',
      'after',
      'new',
      're: new',
    ]);
  });

  it('loadContext: an unknown turn -> null', async () => {
    const { turns, scope } = await aStoreBench(open());
    expect(await turns.loadContext(scope, newId('response'))).toBeNull();
  });

  it('inputItems: pages both ways -> every item of the input once, no output of the turn itself', async () => {
    const bench = await aStoreBench(open());
    const first = await bench.answered('one');
    const second = await bench.answered('two', { parentId: first.id });
    const page = async (order: 'asc' | 'desc'): Promise<string[]> => {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const found = await bench.turns.inputItems(bench.scope, second.id, { after, limit: 2, order });
        seen.push(...textsOf(found.items));
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
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const first = await bench.answered('one', { conversationId });
    const second = await bench.answered('two', { conversationId });
    const third = await bench.answered('three', { conversationId });
    expect(await bench.turns.remove(bench.scope, second.id)).toBe(true);
    expect(await bench.turns.remove(bench.scope, second.id)).toBe(false);
    expect(await bench.turns.get(bench.scope, third.id)).toMatchObject({ parentId: first.id });
    expect(await bench.pathOf(third.id)).toEqual(['one', 're: one', 'three', 're: three']);
    await bench.turns.remove(bench.scope, third.id);
    expect(await bench.conversations.get(bench.scope, conversationId)).toMatchObject({ headTurnId: first.id });
  });

  it('remove: a running turn -> still running', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    await expect(turns.remove(scope, turn.id)).rejects.toMatchObject({ code: 'response.still-running' });
  });

  it('replaceItem: an item of the input -> reads back as replaced; none -> not found', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const replacement = aMessage('prepared');
    const place = { turnId: turn.id, step: 0, index: 0 };
    const by = { turnId: turn.id, step: 1, attempt: 1 };
    await turns.replaceItem(scope, place, replacement, by);
    expect((await turns.loadContext(scope, turn.id))?.path[0]?.item).toEqual(replacement);
    await expect(turns.replaceItem(scope, { ...place, index: 9 }, replacement, by)).rejects.toMatchObject({
      code: 'item.not-found',
    });
  });

  it('replaceItem: by an attempt that was overtaken -> refused, nothing changed', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const before = (await turns.loadContext(scope, turn.id))?.path[0]?.item;
    await turns.claimStep(scope, { turnId: turn.id, step: 1 });
    const place = { turnId: turn.id, step: 0, index: 0 };
    const late = turns.replaceItem(scope, place, aMessage('late'), { turnId: turn.id, step: 1, attempt: 1 });
    await expect(late).rejects.toMatchObject({ code: 'turn.stale-attempt' });
    expect((await turns.loadContext(scope, turn.id))?.path[0]?.item).toEqual(before);
    await turns.replaceItem(scope, place, aMessage('in time'), { turnId: turn.id, step: 1, attempt: 2 });
  });

  it('finish: an unkeyed call was begun -> its outcome is unknown, not cancelled', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    const step = aCallingStep(turn.id, aToolItem());
    await turns.commitStep(scope, { ...step, toolCalls: step.toolCalls.map((row) => ({ ...row, effect: 'unkeyed' })) });
    await turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 });
    await turns.finish(scope, turn.id, anEnding({ status: 'failed' }));
    expect((await turns.loadContext(scope, turn.id))?.toolCalls).toMatchObject([{ status: 'outcome_unknown' }]);
  });

  it('recordLastSequence: numbers out of order -> the highest stays', async () => {
    const { turns, scope } = await aStoreBench(open());
    const { turn } = await turns.accept(scope, aNewTurn());
    await turns.recordLastSequence(scope, turn.id, 1_000_007);
    await turns.recordLastSequence(scope, turn.id, 9);
    expect(await turns.get(scope, turn.id)).toMatchObject({ lastSequence: 1_000_007 });
  });

  it('listOpen: open turns of all tenants -> oldest first, none that ended or is too young', async () => {
    const bench = await aStoreBench(open());
    const other = { ...bench, scope: await open().newScope() };
    const first = await bench.turns.accept(bench.scope, aNewTurn());
    await new Promise((resolve) => setTimeout(resolve, 2));
    const second = await bench.turns.accept(other.scope, aNewTurn());
    const closed = await bench.answered('done');
    const open_ = await bench.turns.listOpen(-1000, 10_000, null);
    const mine = open_.filter(({ turnId }) => [first.turn.id, second.turn.id, closed.id].includes(turnId));
    expect(mine.map(({ turnId }) => turnId)).toEqual([first.turn.id, second.turn.id]);
    expect(mine[1]).toMatchObject({ tenantId: other.scope.tenantId, principalId: 'user-1' });
    const paged: string[] = [];
    for (let last: (typeof open_)[number] | null = null, page = 0; page < open_.length; page += 1) {
      const [next] = await bench.turns.listOpen(-1000, 1, last);
      paged.push(next?.turnId ?? 'none');
      last = next ?? null;
    }
    expect(paged).toEqual(open_.map((turn) => turn.turnId));
    const old = await bench.turns.listOpen(60_000, 10_000, null);
    expect(old.map(({ turnId }) => turnId)).not.toContain(first.turn.id);
  });

  it('purgeUnstored: ended and unstored -> gone; stored, running or kept by a conversation -> stays', async () => {
    const bench = await aStoreBench(open());
    const gone = await bench.answered('gone', { stored: false });
    const kept = await bench.answered('kept');
    const held = await bench.answered('held', { stored: false, conversationId: await bench.aConversation() });
    const running = await bench.turns.accept(bench.scope, aNewTurn({ stored: false }));
    expect(await bench.turns.purgeUnstored(Date.now() - 60_000, 1000)).toBe(0);
    expect(await bench.turns.purgeUnstored(Date.now() + 1000, 1000)).toBeGreaterThanOrEqual(1);
    const left = await Promise.all([gone, kept, held, running.turn].map(({ id }) => bench.turns.get(bench.scope, id)));
    expect(left.map((turn) => turn !== null)).toEqual([false, true, true, true]);
  });
});
