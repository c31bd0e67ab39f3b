/**
 * Conversations on the started product with the official Node client: create, change, archive, items, delete, export and
 * import, and search by content.
 */
import OpenAI from 'openai';
import type { ResponseInputItem } from 'openai/resources/responses/responses';
import { describe, expect, it } from 'vitest';
import { expectRejection } from '../support/client-calls.js';
import { answer, answerText } from '../support/fake-provider-script.js';
import { toldConversation } from '../support/provider-view.js';
import { sharedProduct } from '../support/started-product.js';
import { verifies } from './requirements.js';

interface Listed {
  readonly data: readonly {
    readonly id: string;
    readonly title: string | null;
    readonly archived: boolean;
    readonly snippet?: string;
  }[];
  readonly has_more: boolean;
  readonly last_id: string | null;
}

interface Bundle {
  readonly conversation: { readonly id: string; readonly title: string | null; readonly headTurnId: string | null };
  readonly turns: readonly {
    readonly turn: { readonly id: string; readonly parentId: string | null };
    readonly items: readonly { readonly item: { readonly id: string } }[];
  }[];
}

const message = (content: string): ResponseInputItem.Message & { type: 'message' } => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text: content }],
});

describe('conversations', () => {
  const product = sharedProduct();
  const conversations = () => product().openai.conversations;

  async function call<Answer>(method: string, path: string, body?: unknown, status = 200): Promise<Answer> {
    const answered = await product().call(method, path, body);
    expect(answered, `${method} ${path}`).toMatchObject({ status });
    return answered.json as Answer;
  }
  const list = (query: string) => call<Listed>('GET', `/v1/conversations?${query}`);
  const search = (q: string, more = '') => list(`q=${encodeURIComponent(q)}${more}`);
  const textsOf = async (id: string, order: 'asc' | 'desc' = 'asc', limit = 100): Promise<string[]> => {
    const texts: string[] = [];
    for await (const item of conversations().items.list(id, { order, limit })) {
      if (item.type === 'message') texts.push(item.content.map((part) => ('text' in part ? part.text : '')).join(''));
    }
    return texts;
  };

  it(verifies('conversations.crud'), async () => {
    const { provider } = product();
    const made = await conversations().create({
      items: [message('My name is Ada.'), message('I like primes.')],
      metadata: { topic: 'maths' },
    });
    expect(made).toMatchObject({ object: 'conversation', metadata: { topic: 'maths' }, archived: false });
    provider.queue(answerText('29.'));
    await product().openai.responses.create({ model: 'general', input: 'The tenth?', conversation: made.id });
    expect(toldConversation(provider.requests.at(-1))).toEqual([
      'user: My name is Ada.',
      'user: I like primes.',
      'user: The tenth?',
    ]);
    expect(await textsOf(made.id)).toEqual(['My name is Ada.', 'I like primes.', 'The tenth?', '29.']);
    await conversations().update(made.id, { metadata: { topic: 'primes' } });
    await call('POST', `/v1/conversations/${made.id}`, { title: 'Zażółć „gęślą” jaźń' });
    expect(await conversations().retrieve(made.id)).toMatchObject({
      id: made.id,
      title: 'Zażółć „gęślą” jaźń',
      metadata: { topic: 'primes' },
    });
    await call('POST', `/v1/conversations/${made.id}/archive`, {});
    expect((await list('limit=100')).data.map(({ id }) => id)).not.toContain(made.id);
    expect((await list('limit=100&archived=true')).data.map(({ id }) => id)).toContain(made.id);
    await call('POST', `/v1/conversations/${made.id}/archive`, { archived: false });
    expect((await list('limit=100')).data.map(({ id }) => id)).toContain(made.id);
    expect(await conversations().delete(made.id)).toEqual({
      id: made.id,
      object: 'conversation.deleted',
      deleted: true,
    });
    const gone = { code: 'conversation.not-found' };
    await expectRejection(conversations().retrieve(made.id), OpenAI.NotFoundError, gone);
    await expectRejection(conversations().items.list(made.id), OpenAI.NotFoundError, gone);
    await expectRejection(conversations().delete(made.id), OpenAI.NotFoundError, gone);
    await call('GET', `/v1/conversations/${made.id}/export`, undefined, 404);
  });

  it('list: -> in pages, newest first, each once', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push((await conversations().create({})).id);
    const seen: string[] = [];
    let after = '';
    for (;;) {
      const page = await list(`limit=2${after}`);
      seen.push(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
      after = `&after=${page.last_id}`;
    }
    expect(seen.filter((id) => ids.includes(id))).toEqual(ids.toReversed());
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('items: -> added, read, paged and deleted; what is deleted is not told to the model', async () => {
    const { provider, openai } = product();
    const { id } = await conversations().create({ items: [message('one')] });
    const added = await conversations().items.create(id, { items: [message('two'), message('three')] });
    const [two] = added.data;
    const itemId = two?.type === 'message' ? two.id : '';
    expect(await conversations().items.retrieve(itemId, { conversation_id: id })).toEqual(two);
    expect(await textsOf(id, 'asc', 2)).toEqual(['one', 'two', 'three']);
    expect(await textsOf(id, 'desc', 1)).toEqual(['three', 'two', 'one']);
    expect(await conversations().items.delete(itemId, { conversation_id: id })).toMatchObject({ id });
    await expectRejection(conversations().items.retrieve(itemId, { conversation_id: id }), OpenAI.NotFoundError, {
      code: 'item.not-found',
    });
    await openai.responses.create({ model: 'general', input: 'four', conversation: id });
    expect(toldConversation(provider.requests.at(-1))).toEqual(['user: one', 'user: three', 'user: four']);
  });

  it('export, then import: -> the same content and the same branches under new ids, and it goes on', async () => {
    const { provider, openai } = product();
    const { id } = await conversations().create({ items: [message('Grüße')], metadata: { a: 'b' } });
    provider.queue(answer({ reasoning: 'Hm.', text: 'One.' }), answerText('Two.'), answerText('Zwei.'));
    const first = await openai.responses.create({ model: 'general', input: 'Count.', conversation: id });
    await openai.responses.create({ model: 'general', input: 'Next.', conversation: id });
    await openai.responses.create({ model: 'general', input: 'Weiter.', previous_response_id: first.id });
    const exported = await call<Bundle>('GET', `/v1/conversations/${id}/export`);
    expect(exported.turns).toHaveLength(4);
    const imported = await call<{ id: string }>('POST', '/v1/conversations/import', exported, 201);
    expect(imported.id).not.toBe(id);
    const again = await call<Bundle>('GET', `/v1/conversations/${imported.id}/export`);
    expect(withPlaces(again)).toEqual(withPlaces(exported));
    const idsOf = (bundle: Bundle): string[] => [
      bundle.conversation.id,
      ...bundle.turns.flatMap(({ turn, items }) => [turn.id, ...items.map(({ item }) => item.id)]),
    ];
    expect(idsOf(again).filter((each) => idsOf(exported).includes(each))).toEqual([]);
    expect(await textsOf(imported.id)).toEqual(await textsOf(id));
    await conversations().delete(id);
    await openai.responses.create({ model: 'general', input: 'Und?', conversation: imported.id });
    expect(toldConversation(provider.requests.at(-1))).toEqual([
      'user: Grüße',
      'user: Count.',
      'assistant: One.',
      'user: Weiter.',
      'assistant: Zwei.',
      'user: Und?',
    ]);
  });

  it(verifies('conversations.search'), async () => {
    const { provider, openai } = product();
    const talk = async (input: string, said: string): Promise<string> => {
      const { id } = await conversations().create({});
      provider.queue(answerText(said));
      await openai.responses.create({ model: 'general', input, conversation: id });
      return id;
    };
    const english = await talk('How do whales sleep?', 'Half of the brain of a sperm whale sleeps at a time.');
    const polish = await talk('Gdzie jest źródło Wisły?', 'Na zboczu Baraniej Góry, na wysokości 1106 metrów.');
    const russian = await talk('Где находится Байкал?', 'В Восточной Сибири. It’s "the pearl of Siberia".');
    const hits = async (q: string): Promise<string[]> => (await search(q)).data.map(({ id }) => id);
    // By question, by answer, in any case, in any language.
    expect(await hits('whales')).toEqual([english]);
    expect(await hits('SPERM brain')).toEqual([english]);
    expect(await hits('źródło')).toEqual([polish]);
    expect(await hits('Сибири')).toEqual([russian]);
    expect(await hits('"pearl of Siberia"')).toEqual([russian]);
    expect(await hits('"Siberia of pearl"')).toEqual([]);
    expect(await hits('sperm -whale')).toEqual([]);
    expect(new Set(await hits('whales or Байкал'))).toEqual(new Set([english, russian]));
    expect(await hits('nothing-of-the-kind')).toEqual([]);
    const [hit] = (await search('Baraniej')).data;
    expect(hit).toMatchObject({ id: polish });
    expect(hit?.snippet).toContain('**Baraniej** Góry');
    // What people type is never an error.
    for (const q of ["it's", '"open quote', "'; drop table items; --", '&|!()<->:*', '%_\\', '💥', '-'])
      await search(q);
    await call('POST', `/v1/conversations/${polish}/archive`, {});
    expect(await hits('źródło')).toEqual([]);
    expect((await search('źródło', '&archived=any')).data.map(({ id }) => id)).toEqual([polish]);
    await conversations().delete(english);
    expect(await hits('whales')).toEqual([]);
    await call('POST', `/v1/conversations/${russian}`, { title: 'Lake notes' });
    expect(await hits('lake')).toEqual([russian]);
  });

  /** Ids by the place of what they name, so that two exports of the same content are equal. */
  function withPlaces(bundle: Bundle): unknown {
    const places = new Map<string, string>([[bundle.conversation.id, 'conversation']]);
    bundle.turns.forEach(({ turn, items }, at) => {
      places.set(turn.id, `turn ${at}`);
      items.forEach(({ item }, place) => places.set(item.id, `item ${at} ${place}`));
    });
    // An import keeps no policy and marks what it brings: both are for this server to say.
    const ours = new Set(['turnstone_origin', 'policy', 'approvalRules', 'taint']);
    const text = JSON.stringify(bundle, (key, value: unknown) => {
      if (ours.has(key)) return undefined;
      return typeof value === 'string' ? (places.get(value) ?? value) : value;
    });
    return JSON.parse(text) as unknown;
  }
});
