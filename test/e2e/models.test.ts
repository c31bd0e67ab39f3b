/**
 * Fallback chains, usage and cost on the started product: who answered and what it cost is in the answer, for every way a
 * provider may fail.
 */
import OpenAI from 'openai';
import type { Response } from 'openai/resources/responses/responses';
import { describe, expect, it } from 'vitest';
import type { ResponseResource } from '../../domain/response-resource.js';
import { collect } from '../support/client-calls.js';
import { expectOrderly } from '../support/event-order.js';
import { answer, answerText, errorReply, hang } from '../support/fake-provider-script.js';
import type { FakeReply } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct, shownText } from '../support/started-product.js';
import { verifies } from './requirements.js';

/** What Turnstone adds to the standard object, which the client passes on. */
const own = (response: Response): ResponseResource['turnstone'] => (response as unknown as ResponseResource).turnstone;

const CONFIG = `
fallbacks:
  - name: careful
    models: [one/first, two/second]
  - name: cheap
    models: [free/third]
`;

describe('models', () => {
  const product = sharedProduct({
    config: CONFIG,
    providers: ({ baseUrl }) => `
  - name: one
    base_url: ${baseUrl}
    first_byte_timeout_ms: 700
    breaker_failures: 100
    models:
      - name: first
        prices: { input_per_million_micros: 1000000, cached_input_per_million_micros: 500000, output_per_million_micros: 4000000 }
  - name: two
    wire: responses
    base_url: ${baseUrl}
    breaker_failures: 100
    models:
      - name: second
        prices: { input_per_million_micros: 150000, output_per_million_micros: 600000 }
  - name: free
    base_url: ${baseUrl}
    models: [{ name: third }]`,
  });
  const ask = (model: string, input = 'hello') => product().openai.responses.create({ model, input });
  const askedSince = (from: number): unknown[] =>
    product()
      .provider.requests.slice(from)
      .map((request) => request.body.model);

  it(verifies('models.fallback'), async () => {
    const { provider } = product();
    const overflow = { error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' } };
    const failures: Record<string, FakeReply> = {
      'is overloaded': errorReply(503, 'overloaded'),
      'limits the rate': errorReply(429, 'slow down', { 'retry-after': '60' }),
      'refuses the key': errorReply(401, 'no such key'),
      'has used up its quota': errorReply(429, {
        error: { message: 'pay', type: 'insufficient_quota', code: 'insufficient_quota' },
      }),
      'has too small a window': errorReply(400, overflow),
      'says nothing': hang(),
      'breaks off': answerText('half of the ans', { cut: 'mid-text' }),
      'talks nonsense': { kind: 'raw', contentType: 'text/html', parts: ['<html>maintenance</html>'] },
    };
    for (const [what, failing] of Object.entries(failures)) {
      const before = provider.requests.length;
      provider.queue(failing, answerText(`second: ${what}`));
      const made = await ask('careful');
      expect(made, what).toMatchObject({ status: 'completed', model: 'careful', output_text: `second: ${what}` });
      expect(own(made), what).toMatchObject({ answered_by: 'two/second' });
      expect(askedSince(before), what).toEqual(['first', 'second']);
    }
  });

  it('the first of a chain answers: -> the second is not asked', async () => {
    const before = product().provider.requests.length;
    const made = await ask('careful');
    expect(own(made).answered_by).toBe('one/first');
    expect(askedSince(before)).toEqual(['first']);
  });

  it('a request the provider refuses: -> no other model is asked, the response says why', async () => {
    const { provider } = product();
    const before = provider.requests.length;
    provider.queue(errorReply(400, 'unknown parameter'));
    const made = await ask('careful');
    expect(made).toMatchObject({ status: 'failed', error: { code: 'model.bad-request' }, output: [] });
    expect(askedSince(before)).toEqual(['first']);
  });

  it('cut in the middle of a streamed text: -> a reset, then the other model’s text alone', async () => {
    const { provider, openai } = product();
    provider.queue(
      answerText('this text is taken back', { chunkSize: 4, delayMs: 20, cut: 'mid-text' }),
      answerText('this text stays'),
    );
    const events = await collect(await openai.responses.create({ model: 'careful', input: 'x', stream: true }));
    const final = expectOrderly(events);
    const types = events.map((event) => event.type as string);
    expect(types.filter((type) => type === 'turnstone:step.reset')).toHaveLength(1);
    expect(answerOf(final)).toBe('this text stays');
    expect(shownText(events as never)).toBe('this text stays');
    expect(final.turnstone).toMatchObject({ answered_by: 'two/second', usage_estimated: true });
  });

  it('all of a chain fail: -> tried again a moment later; still failing: the response says so', async () => {
    const { provider } = product();
    let before = provider.requests.length;
    provider.queue(errorReply(503, 'busy'), errorReply(503, 'busy'), answerText('at last'));
    const made = await ask('careful');
    expect(made).toMatchObject({ status: 'completed', output_text: 'at last' });
    expect(askedSince(before)).toEqual(['first', 'second', 'first']);
    before = provider.requests.length;
    provider.queue(...Array.from({ length: 3 }, () => errorReply(503, 'busy')));
    const failed = await ask('cheap');
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'model.overloaded' } });
    expect(askedSince(before)).toEqual(['third', 'third', 'third']);
  });

  it(verifies('usage.cost'), async () => {
    const { provider, openai } = product();
    provider.queue(answerText('counted', { usage: { input: 1000, cached: 200, output: 50, reasoning: 20 } }));
    const plain = await ask('one/first');
    expect(plain.usage).toEqual({
      input_tokens: 1000,
      input_tokens_details: { cached_tokens: 200 },
      output_tokens: 50,
      output_tokens_details: { reasoning_tokens: 20 },
      total_tokens: 1050,
    });
    // 800 at 1, 200 cached at 0.5, 50 at 4 micros.
    expect(own(plain)).toMatchObject({ cost_micros: 800 + 100 + 200, cost_incomplete: false, usage_estimated: false });
    provider.queue(
      answer({ toolCalls: [{ name: 'read_result', arguments: { id: 'tc_a' } }], usage: { input: 100, output: 10 } }),
      answer({ toolCalls: [{ name: 'read_result', arguments: { id: 'tc_b' } }], usage: { input: 200, output: 20 } }),
      answerText('three steps', { usage: { input: 300, output: 30, cached: 100 } }),
    );
    const steps = await ask('one/first');
    expect(steps.output_text).toBe('three steps');
    expect(steps.usage).toMatchObject({ input_tokens: 600, output_tokens: 60, total_tokens: 660 });
    expect(own(steps).cost_micros).toBe(140 + 280 + (200 + 50 + 120));
    expect(await openai.responses.retrieve(steps.id)).toEqual(steps);
    const perCall = (await product().call('GET', `/v1/responses/${steps.id}/usage`)).json;
    expect(perCall).toMatchObject({
      cost_micros: 790,
      calls: [{ cost_micros: 140 }, { cost_micros: 280 }, { cost_micros: 370 }],
    });
  });

  it('a conversation: -> its usage is the sum of its turns, the calls that a provider cut included', async () => {
    const { provider, openai } = product();
    const { id } = await openai.conversations.create();
    provider.queue(
      answer({ text: 'cut in the middle of it', cut: 'mid-text' }),
      answerText('whole', { usage: { input: 10, output: 1 } }),
    );
    const made = await openai.responses.create({ model: 'one/first', conversation: id, input: 'first' });
    provider.queue(answerText('second', { usage: { input: 20, output: 2 } }));
    await openai.responses.create({ model: 'one/first', conversation: id, input: 'second' });
    const { json } = await product().call('GET', `/v1/conversations/${id}/usage`);
    const ofFirst = (await product().call('GET', `/v1/responses/${made.id}/usage`)).json as {
      calls: object[];
      cost_micros: number;
    };
    expect(ofFirst.calls).toMatchObject([
      { outcome: 'failed', failure_code: 'model.stream-cut' },
      { outcome: 'completed' },
    ]);
    expect(ofFirst.cost_micros).toBeGreaterThan(14);
    expect(json).toMatchObject({ turns: 2, cost_micros: ofFirst.cost_micros + 28, usage_estimated: true });
  });

  it('a fraction of a micro: -> rounded up per call; cached tokens without a price of their own cost the full one', async () => {
    product().provider.queue(answerText('small', { usage: { input: 3, output: 1, cached: 2 } }));
    const made = await ask('two/second');
    // 3 at 0.15 and 1 at 0.6: 1.05 micros.
    expect(own(made)).toMatchObject({ cost_micros: 2, cost_incomplete: false });
  });

  it('no usage from the provider: -> estimated from the text, and flagged', async () => {
    const { provider } = product();
    provider.queue(answerText('four tokens or so', { usage: 'none' }));
    const made = await ask('one/first', 'a question of some length, so that it is counted');
    expect(own(made)).toMatchObject({ usage_estimated: true, cost_incomplete: false });
    const { input_tokens = 0, output_tokens = 0 } = made.usage ?? {};
    expect(input_tokens).toBeGreaterThan(20);
    expect(output_tokens).toBeGreaterThan(2);
    expect(output_tokens).toBeLessThan(10);
    expect(own(made).cost_micros).toBe(input_tokens + 4 * output_tokens);
  });

  it('no price for the model: -> the cost is flagged as incomplete, not shown as free', async () => {
    product().provider.queue(answerText('for nothing', { usage: { input: 10, output: 10 } }));
    const made = await ask('free/third');
    expect(made.usage?.total_tokens).toBe(20);
    expect(own(made)).toMatchObject({ cost_micros: 0, cost_incomplete: true, usage_estimated: false });
  });

  it('list and retrieve: -> agents, chains and models by the names clients use; unknown ones are 404', async () => {
    const { openai } = product();
    const listed = await collect(await openai.models.list());
    const ids = listed.map((model) => model.id);
    expect(ids).toEqual(expect.arrayContaining(['general', 'careful', 'one/first', 'two/second', 'free/third']));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ['general', 'careful', 'two/second']) {
      expect(await openai.models.retrieve(id)).toMatchObject({ id, object: 'model' });
    }
    await expect(openai.models.retrieve('nobody/knows')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});
