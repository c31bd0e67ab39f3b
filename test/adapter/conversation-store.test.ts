/**
 * Proven: conversations are found by time and by content, page without gaps or repeats, take and lose items only while
 * nothing runs in them, and survive export and import with their shape.
 */
import { expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import type { ConversationBundle, ConversationQuery } from '../../domain/ports/conversation-store.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench, textsOf } from '../support/store-bench.js';
import type { StoreBench } from '../support/store-bench.js';
import { aCallingStep, aMessage, anAnswer, aNewTurn, anEnding, aToolItem, aTurn } from '../support/turn-builders.js';

describeOnDatabases('conversation store', (open) => {
  const aQuery = (changes: Partial<ConversationQuery> = {}): ConversationQuery => ({
    q: null,
    archived: false,
    after: null,
    limit: 20,
    order: 'desc',
    ...changes,
  });
  const listIds = async ({ conversations, scope }: StoreBench, query: Partial<ConversationQuery>): Promise<string[]> =>
    (await conversations.list(scope, aQuery(query))).hits.map(({ conversation }) => conversation.id);

  it('create, get, update, remove: the whole life -> each step reads back', async () => {
    const bench = await aStoreBench(open());
    const { conversations, scope } = bench;
    const id = newId('conversation');
    const made = await conversations.create(scope, { id, title: 'One', metadata: { topic: 'birds' } });
    expect(await conversations.get(scope, id)).toEqual(made);
    expect(await conversations.update(scope, id, { title: null, archived: true })).toMatchObject({
      title: null,
      archived: true,
      metadata: { topic: 'birds' },
    });
    expect(await conversations.update(scope, newId('conversation'), { title: 'x' })).toBeNull();
    const { id: turnId } = await bench.answered('hello', { conversationId: id });
    expect(await conversations.remove(scope, id)).toBe(true);
    expect(await conversations.get(scope, id)).toBeNull();
    expect(await bench.turns.get(scope, turnId)).toBeNull();
    expect(await conversations.remove(scope, id)).toBe(false);
  });

  it('create: an id that is there -> request.invalid', async () => {
    const bench = await aStoreBench(open());
    const id = await bench.aConversation();
    await expect(bench.conversations.create(bench.scope, { id, title: null, metadata: {} })).rejects.toMatchObject({
      code: 'request.invalid',
    });
  });

  it('list: pages both ways -> every conversation once, newest change first', async () => {
    const bench = await aStoreBench(open());
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await bench.aConversation());
    const walk = async (order: 'asc' | 'desc'): Promise<string[]> => {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more; after = seen.at(-1) ?? null) {
        const page = await bench.conversations.list(bench.scope, aQuery({ after, limit: 2, order }));
        seen.push(...page.hits.map(({ conversation }) => conversation.id));
        more = page.hasMore;
      }
      return seen;
    };
    const descending = await walk('desc');
    expect([...descending].sort()).toEqual([...ids].sort());
    expect(await walk('asc')).toEqual([...descending].reverse());
    await bench.answered('bump', { conversationId: ids[2] ?? '' });
    expect((await walk('desc'))[0]).toBe(ids[2]);
  });

  it('list: archived -> only where asked for; an unknown cursor -> request.invalid', async () => {
    const bench = await aStoreBench(open());
    const active = await bench.aConversation();
    const archived = await bench.aConversation();
    await bench.conversations.update(bench.scope, archived, { archived: true });
    expect(await listIds(bench, { archived: false })).toEqual([active]);
    expect(await listIds(bench, { archived: true })).toEqual([archived]);
    expect((await listIds(bench, { archived: 'any' })).sort()).toEqual([active, archived].sort());
    await expect(bench.conversations.list(bench.scope, aQuery({ after: 'conv_none' }))).rejects.toMatchObject({
      code: 'request.invalid',
    });
  });

  it('search: words of questions, answers and titles -> ranked hits with marked snippets', async () => {
    const bench = await aStoreBench(open());
    const asked = await bench.aConversation('Birds');
    await bench.answered('How far does a Turnstone fly in autumn?', { conversationId: asked }, 'About 5000 km.');
    const answered = await bench.aConversation('Distances');
    await bench.answered('Which bird flips stones?', { conversationId: answered }, 'The turnstone, a small wader.');
    const titled = await bench.aConversation('Turnstone names');
    const { hits } = await bench.conversations.list(bench.scope, aQuery({ q: 'turnstone' }));
    expect(hits.map(({ conversation }) => conversation.id).sort()).toEqual([asked, answered, titled].sort());
    expect(hits[0]?.conversation.id).toBe(titled);
    expect(hits.map(({ snippet }) => snippet)).toEqual([
      expect.stringContaining('**Turnstone**'),
      expect.stringMatching(/\*\*[Tt]urnstone\*\*/),
      expect.stringMatching(/\*\*[Tt]urnstone\*\*/),
    ]);
    expect(await listIds(bench, { q: '"flips stones"' })).toEqual([answered]);
    expect(await listIds(bench, { q: 'turnstone wader' })).toEqual([answered]);
    expect((await listIds(bench, { q: 'autumn or wader' })).sort()).toEqual([asked, answered].sort());
    expect(await listIds(bench, { q: 'zebra' })).toEqual([]);
  });

  it('search: another tenant, deleted items, strange syntax -> nothing and no error', async () => {
    const bench = await aStoreBench(open());
    const id = await bench.aConversation();
    await bench.answered('the heron stands', { conversationId: id }, 'yes');
    const other = { ...bench, scope: await open().newScope() };
    expect(await listIds(other, { q: 'heron' })).toEqual([]);
    for (const q of ['"', "'); drop table turns; --", '-', ':*', '&&& |||', '\\', '()']) {
      expect(await listIds(bench, { q })).toEqual([]);
    }
    const [item] = (await bench.conversations.items(bench.scope, id, { after: null, limit: 1, order: 'asc' })).items;
    await bench.conversations.update(bench.scope, id, { title: null });
    await bench.conversations.removeItem(bench.scope, id, item?.item.id ?? '');
    expect(await listIds(bench, { q: 'heron' })).toEqual([]);
  });

  it('search: pages -> every hit once', async () => {
    const bench = await aStoreBench(open());
    for (let count = 0; count < 5; count += 1)
      await bench.answered('common word', { conversationId: await bench.aConversation(`c${count}`) });
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more; after = seen.at(-1) ?? null) {
      const page = await bench.conversations.list(bench.scope, aQuery({ q: 'common', after, limit: 2 }));
      seen.push(...page.hits.map(({ conversation }) => conversation.id));
      more = page.hasMore;
    }
    expect(new Set(seen).size).toBe(5);
    expect(seen).toHaveLength(5);
  });

  it('items: the path to the head -> pages in order; another branch is not in it, but its items are found by id', async () => {
    const bench = await aStoreBench(open());
    const id = await bench.aConversation();
    const { id: root } = await bench.answered('root', { conversationId: id }, 'r');
    const { id: left } = await bench.answered('left', { conversationId: id }, 'l');
    await bench.answered('right', { conversationId: id, parentId: root }, 'rr');
    const page = await bench.conversations.items(bench.scope, id, { after: null, limit: 3, order: 'asc' });
    expect(page).toMatchObject({ hasMore: true });
    expect(textsOf(page.items)).toEqual(['root', 'r', 'right']);
    const rest = await bench.conversations.items(bench.scope, id, {
      after: page.items.at(-1)?.item.id ?? null,
      limit: 3,
      order: 'asc',
    });
    expect(textsOf(rest.items)).toEqual(['rr']);
    const [onLeft] = await bench.turns.output(bench.scope, left);
    expect(await bench.conversations.item(bench.scope, id, onLeft?.item.id ?? '')).toEqual(onLeft);
    expect(await bench.conversations.item(bench.scope, await bench.aConversation(), onLeft?.item.id ?? '')).toBeNull();
  });

  it('items: unknown conversation -> not found; empty conversation -> empty page', async () => {
    const bench = await aStoreBench(open());
    const page = { after: null, limit: 5, order: 'asc' } as const;
    await expect(bench.conversations.items(bench.scope, newId('conversation'), page)).rejects.toMatchObject({
      code: 'conversation.not-found',
    });
    expect(await bench.conversations.items(bench.scope, await bench.aConversation(), page)).toEqual({
      items: [],
      hasMore: false,
    });
  });

  it('addItems: between two turns -> in the context of the next; while a turn runs -> busy', async () => {
    const bench = await aStoreBench(open());
    const { conversations, turns, scope } = bench;
    const id = await bench.aConversation();
    await bench.answered('first', { conversationId: id }, 'one');
    const added = await conversations.addItems(scope, id, newId('response'), [aMessage('a note'), anAnswer('noted')]);
    expect(added.map(({ step, index, direction }) => [step, index, direction])).toEqual([
      [0, 0, 'input'],
      [0, 1, 'input'],
    ]);
    const { turn } = await turns.accept(scope, aNewTurn({ conversationId: id, input: [aMessage('next')] }));
    expect(textsOf((await turns.loadContext(scope, turn.id))?.path ?? [])).toEqual([
      'first',
      'one',
      'a note',
      'noted',
      'next',
    ]);
    await expect(conversations.addItems(scope, id, newId('response'), [aMessage('late')])).rejects.toMatchObject({
      code: 'conversation.busy',
    });
    await expect(conversations.remove(scope, id)).rejects.toMatchObject({ code: 'conversation.busy' });
    await expect(conversations.addItems(scope, newId('conversation'), newId('response'), [])).rejects.toMatchObject({
      code: 'conversation.not-found',
    });
  });

  it('addItems against accept at the same moment -> nothing falls off the path', async () => {
    const bench = await aStoreBench(open());
    const { conversations, turns, scope } = bench;
    for (let round = 0; round < 10; round += 1) {
      const id = await bench.aConversation();
      const [added, accepted] = await Promise.allSettled([
        conversations.addItems(scope, id, newId('response'), [aMessage('note')]),
        turns.accept(scope, aNewTurn({ conversationId: id, input: [aMessage('ask')] })),
      ]);
      expect(accepted.status).toBe('fulfilled');
      if (accepted.status !== 'fulfilled') continue;
      const path = textsOf((await turns.loadContext(scope, accepted.value.turn.id))?.path ?? []);
      expect(path).toEqual(added.status === 'fulfilled' ? ['note', 'ask'] : ['ask']);
    }
  });

  it('removeItem: of an ended turn -> gone with its call; of a running one -> busy; none -> false', async () => {
    const bench = await aStoreBench(open());
    const { conversations, turns, scope } = bench;
    const id = await bench.aConversation();
    const { turn } = await turns.accept(scope, aNewTurn({ conversationId: id }));
    const item = aToolItem();
    await turns.commitStep(scope, aCallingStep(turn.id, item));
    await expect(conversations.removeItem(scope, id, item.id)).rejects.toMatchObject({ code: 'conversation.busy' });
    await turns.finish(scope, turn.id, anEnding());
    expect(await conversations.removeItem(scope, id, item.id)).toBe(true);
    expect(await conversations.removeItem(scope, id, item.id)).toBe(false);
    expect(await turns.loadContext(scope, turn.id)).toMatchObject({ path: [{ direction: 'input' }], toolCalls: [] });
  });

  it('export and import into another tenant -> the same tree and items under new ids', async () => {
    const bench = await aStoreBench(open());
    const id = await bench.aConversation('Trip');
    const { id: root } = await bench.answered('root', { conversationId: id }, 'r');
    await bench.answered('left', { conversationId: id }, 'l');
    await bench.answered('right', { conversationId: id, parentId: root }, 'rr');
    await bench.conversations.update(bench.scope, id, { metadata: { a: '1' }, archived: true });
    const bundle = await bench.conversations.export(bench.scope, id);
    const other = await open().newScope({ principalId: 'user-2' });
    const imported = await bench.conversations.import(other, JSON.parse(JSON.stringify(bundle)) as ConversationBundle);
    expect(imported).toMatchObject({ title: 'Trip', metadata: { a: '1' }, archived: true, principalId: 'user-2' });
    expect(imported.id).not.toBe(id);
    const again = await bench.conversations.export(other, imported.id);
    expect(shapeOf(again)).toEqual(shapeOf(bundle));
    expect(idsOf(again).filter((each) => idsOf(bundle).includes(each))).toEqual([]);
    expect(await listIds({ ...bench, scope: other }, { q: 'right', archived: 'any' })).toEqual([imported.id]);
    expect(await bench.conversations.export(other, id)).toBeNull();
  });

  it('import: a turn that was running -> cancelled', async () => {
    const bench = await aStoreBench(open());
    const id = await bench.aConversation();
    await bench.turns.accept(bench.scope, aNewTurn({ conversationId: id }));
    const bundle = await bench.conversations.export(bench.scope, id);
    if (bundle === null) throw new Error('nothing was exported');
    const imported = await bench.conversations.import(bench.scope, bundle);
    const again = await bench.conversations.export(bench.scope, imported.id);
    expect(again?.turns.map(({ turn }) => turn.status)).toEqual(['cancelled']);
  });

  it.each([
    ['a circle', [aTurn({ id: 'resp_a', parentId: 'resp_b' }), aTurn({ id: 'resp_b', parentId: 'resp_a' })]],
    ['a parent that is not in it', [aTurn({ id: 'resp_a', parentId: 'resp_z' })]],
    ['a turn twice', [aTurn({ id: 'resp_a' }), aTurn({ id: 'resp_a' })]],
  ])('import: %s -> request.invalid and nothing written', async (_case, turns) => {
    const bench = await aStoreBench(open());
    const conversation = await bench.conversations.create(bench.scope, {
      id: newId('conversation'),
      title: null,
      metadata: {},
    });
    const bundle = { conversation, turns: turns.map((turn) => ({ turn, items: [] })) };
    await expect(bench.conversations.import(bench.scope, bundle)).rejects.toMatchObject({ code: 'request.invalid' });
    expect(await listIds(bench, {})).toEqual([conversation.id]);
  });
});

/** What must survive: everything but ids, tenant and principal; parents by position. */
function shapeOf(bundle: ConversationBundle | null): unknown {
  const order = new Map(bundle?.turns.map(({ turn }, position) => [turn.id, position]));
  return bundle?.turns.map(({ turn, items }) => ({
    turn: { ...turn, id: 0, tenantId: 0, principalId: 0, conversationId: 0, parentId: order.get(turn.parentId ?? '') },
    isHead: turn.id === bundle.conversation.headTurnId,
    items: items.map((stored) => ({ ...stored, turnId: 0, item: { ...stored.item, id: 0 } })),
  }));
}

function idsOf(bundle: ConversationBundle | null): string[] {
  return (bundle?.turns ?? []).flatMap(({ turn, items }) => [turn.id, ...items.map(({ item }) => item.id)]);
}
