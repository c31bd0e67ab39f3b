/** The suite of effects: begun calls with an effect and no others, undone once and fenced, resolved once and told to the model. */
import { expect, it } from 'vitest';
import { createEffectStore } from '../../adapters/postgres/effect-store.js';
import type { ToolEffect } from '../../domain/tool.js';
import type { EffectStore } from '../../domain/ports/effect-store.js';
import { describeOnDatabases } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { aStoreBench, textsOf } from '../support/store-bench.js';
import type { StoreBench } from '../support/store-bench.js';
import { aCallingStep, aNewTurn, anEnding, aReceipt, aToolItem, theSettings } from '../support/turn-builders.js';

interface EffectBench extends StoreBench {
  readonly effects: EffectStore;
  /** A turn whose only call was begun, and ended so. */
  called(
    effect: ToolEffect,
    status: 'completed' | 'outcome_unknown' | 'none',
    conversationId?: string,
  ): Promise<Called>;
}
interface Called {
  readonly turnId: string;
  readonly id: string;
}

async function anEffectBench(open: TestDatabase): Promise<EffectBench> {
  const bench = await aStoreBench(open);
  const { turns, scope } = bench;
  return {
    ...bench,
    effects: createEffectStore(open.database),
    async called(effect, status, conversationId) {
      const { turn } = await turns.accept(scope, aNewTurn({ conversationId: conversationId ?? null }));
      const item = aToolItem();
      await turns.commitStep(scope, aCallingStep(turn.id, item, { effect }));
      if (status !== 'none') {
        await turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 });
        const done = { ...item, status: 'completed', output: 'noon' } as const;
        await turns.commitTool(scope, aReceipt(turn.id, { status, item: done }));
      }
      await turns.finish(scope, turn.id, anEnding());
      return { turnId: turn.id, id: item.id };
    },
  };
}

const page = { after: null, limit: 10 };

describeOnDatabases('effect store', (open) => {
  it('list: begun calls with an effect, newest first, in pages; reads and calls that never began are none', async () => {
    const { effects, scope, called, aConversation } = await anEffectBench(open());
    const conversationId = await aConversation();
    const first = await called('keyed', 'completed', conversationId);
    await called('read', 'completed', conversationId);
    await called('unkeyed', 'none', conversationId);
    const last = await called('unkeyed', 'outcome_unknown', conversationId);
    const all = await effects.list(scope, { of: { conversationId }, ...page });
    expect(all.effects.map(({ id, call }) => [id, call.effect, call.status])).toEqual([
      [last.id, 'unkeyed', 'outcome_unknown'],
      [first.id, 'keyed', 'completed'],
    ]);
    expect(await effects.list(scope, { of: { conversationId }, after: null, limit: 1 })).toMatchObject({
      hasMore: true,
    });
    const second = await effects.list(scope, { of: { conversationId }, after: last.id, limit: 1 });
    expect(second).toMatchObject({ hasMore: false, effects: [{ id: first.id }] });
    expect((await effects.list(scope, { of: { turnId: first.turnId }, ...page })).effects).toHaveLength(1);
  });

  it('a fork: what it took over is listed where it ran', async () => {
    const { effects, scope, called, turns } = await anEffectBench(open());
    const { turnId, id } = await called('unkeyed', 'completed');
    const settings = theSettings({ fork: { turnId, step: 2, changed: [] } });
    const fork = { turnId, through: 1, input: true, toolResult: null };
    const forked = await turns.accept(scope, aNewTurn({ settings, input: [], parentId: null, fork }));
    expect((await effects.list(scope, { of: { turnId: forked.turn.id }, ...page })).effects).toEqual([]);
    expect((await effects.get(scope, id))?.call.turnId).toBe(turnId);
  });

  it('undo: asked for once, claimed by attempts of which the newest counts, ended once', async () => {
    const { effects, scope, called } = await anEffectBench(open());
    const { id } = await called('keyed', 'completed');
    expect(await effects.claimUndo(scope, id)).toBeNull();
    const asked = await Promise.all([effects.requestUndo(scope, id), effects.requestUndo(scope, id)]);
    expect(asked.map(({ undo }) => undo?.status)).toEqual(['running', 'running']);
    expect(await effects.claimUndo(scope, id)).toBe(1);
    expect(await effects.claimUndo(scope, id)).toBe(2);
    const ending = { effectId: id, status: 'undone', text: 'gone', error: null } as const;
    expect(await effects.endUndo(scope, { ...ending, attempt: 1 })).toBe(false);
    expect(await effects.endUndo(scope, { ...ending, attempt: 2 })).toBe(true);
    expect(await effects.endUndo(scope, { ...ending, attempt: null, status: 'unknown' })).toBe(false);
    expect(await effects.claimUndo(scope, id)).toBeNull();
    expect((await effects.requestUndo(scope, id)).undo).toMatchObject({ status: 'undone', text: 'gone', attempt: 2 });
  });

  it('running undos: of all tenants, with what starts them; young and ended ones are none', async () => {
    const { effects, scope, called } = await anEffectBench(open());
    const first = await called('keyed', 'completed');
    const second = await called('unkeyed', 'completed');
    const running = async (olderThanMs: number): Promise<string[]> =>
      (await effects.listRunningUndos(olderThanMs, 1_000))
        .filter(({ tenantId }) => tenantId === scope.tenantId)
        .map(({ effect }) => effect.id);
    expect(await running(0)).toEqual([]);
    await effects.requestUndo(scope, first.id);
    await effects.requestUndo(scope, second.id);
    expect(await running(60_000)).toEqual([]);
    expect(await running(0)).toEqual([first.id, second.id]);
    await effects.claimUndo(scope, first.id);
    await effects.endUndo(scope, { effectId: first.id, attempt: 1, status: 'undone', text: null, error: null });
    expect(await running(0)).toEqual([second.id]);
    const [found] = (await effects.listRunningUndos(0, 1_000)).filter(({ effect }) => effect.id === second.id);
    expect(found?.effect).toMatchObject({ call: { turnId: second.turnId, name: 'clock' }, undo: { attempt: 0 } });
  });

  it('resolve: the first person counts, and the model is told from then on', async () => {
    const { effects, scope, called, turns } = await anEffectBench(open());
    const { id, turnId } = await called('unkeyed', 'outcome_unknown');
    const resolved = await effects.resolve(scope, id, { happened: true, note: 'it is in the outbox' });
    expect(resolved?.resolution).toMatchObject({
      happened: true,
      note: 'it is in the outbox',
      resolvedBy: scope.principalId,
    });
    expect(await effects.resolve(scope, id, { happened: false, note: null })).toBeNull();
    const context = await turns.loadContext(scope, turnId);
    expect(context?.toolCalls[0]?.result).toMatch(/noon\nA person found out: it did take effect\. .*outbox/);
    expect(textsOf(await turns.output(scope, turnId))[0]).toContain('it is in the outbox');
  });

  it('another user and another tenant: see, undo and resolve nothing', async () => {
    const { effects, scope, called } = await anEffectBench(open());
    const { id } = await called('unkeyed', 'completed');
    const others = [await open().newScope(), { ...scope, principalId: 'somebody-else', scopes: ['write' as const] }];
    for (const other of others) {
      expect(await effects.get(other, id)).toBeNull();
      await expect(effects.requestUndo(other, id)).rejects.toMatchObject({ code: 'effect.not-found' });
      await expect(effects.resolve(other, id, { happened: true, note: null })).rejects.toMatchObject({
        code: 'effect.not-found',
      });
      expect(await effects.claimUndo(other, id)).toBeNull();
    }
  });
});
