/** The agent loop on the started product: limits, compaction, tools that fail, results too large for the model. */
import { describe, expect, it } from 'vitest';
import type { FakeRequest } from '../support/fake-provider.js';
import { answerText, callTools } from '../support/fake-provider-script.js';
import type { FakeReply } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import { verifies } from './requirements.js';

/** A window so small that a few long answers pass it. */
const SMALL_WINDOW = 4_000;

describe('agent loop', () => {
  const product = sharedProduct({
    providers: (provider) => `  - name: fake
    base_url: ${provider.baseUrl}
    api_key: secret-of-the-provider
    models: [{ name: model }, { name: small, context_window: ${SMALL_WINDOW} }]`,
  });

  async function turn(body: object): Promise<ResponseResource> {
    const { status, json } = await product().call('POST', '/v1/responses', { model: 'general', ...body });
    expect(status).toBe(200);
    return json as ResponseResource;
  }
  /** What the model requests of one turn were; the provider is shared by all tests of the file. */
  async function during<T>(work: () => Promise<T>): Promise<{ result: T; requests: readonly FakeRequest[] }> {
    const before = product().provider.requests.length;
    const result = await work();
    return { result, requests: product().provider.requests.slice(before) };
  }
  const replies = (...queue: FakeReply[]): void => product().provider.queue(...queue);
  const someCall = (id: string): FakeReply => callTools({ name: 'read_result', arguments: { id } });

  it(verifies('limits.wrap-up'), async () => {
    replies(someCall('tc_1'), someCall('tc_2'), answerText('as far as I got'));
    const { result, requests } = await during(() => turn({ input: 'work', turnstone: { limits: { max_steps: 2 } } }));
    expect(result).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_steps' } });
    expect(answerOf(result)).toBe('as far as I got');
    expect(requests.map((request) => request.body.tools !== undefined)).toEqual([true, true, false]);

    replies(answerText('now done'));
    const { json } = await product().call('POST', `/v1/responses/${result.id}/continue`, {});
    const continued = json as ResponseResource;
    expect(continued).toMatchObject({ status: 'completed', previous_response_id: result.id });
    expect(answerOf(continued)).toBe('now done');
  });

  it('repeated call: the same call with the same result three times -> a last answer, reason repeated_call', async () => {
    replies(someCall('tc_x'), someCall('tc_x'), someCall('tc_x'), answerText('stuck'));
    const result = await turn({ input: 'loop' });
    expect(result).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'repeated_call' } });
  });

  it(verifies('tools.failed'), async () => {
    replies(
      callTools(
        { name: 'no_such_tool', arguments: {} },
        { name: 'read_page', arguments: { link: 'https://example.com' } },
        { name: 'read_result', arguments: '["not", "an object"]' },
      ),
      answerText('I see'),
    );
    const { result, requests } = await during(() => turn({ input: 'try' }));
    expect(result.status).toBe('completed');
    const told = (requests[1]?.body.messages ?? [])
      .filter((message) => message.role === 'tool')
      .map(({ content }) => content);
    expect(told).toHaveLength(3);
    expect(told[0]).toMatch(/no_such_tool.*Tools of this turn: .*read_page/);
    expect(told[1]).toMatch(/url/);
    expect(told[2]).toMatch(/object/);
  });

  it('tool_choice required: demanded in the first step only, so that the model can answer', async () => {
    replies(someCall('tc_r'), answerText('answered'));
    const { result, requests } = await during(() => turn({ input: 'use a tool', tool_choice: 'required' }));
    expect(result.status).toBe('completed');
    expect(requests.map((request) => request.body['tool_choice'])).toEqual(['required', undefined]);
  });

  it('a call cut at the token limit: is never run, the turn says why', async () => {
    replies({ kind: 'answer', toolCalls: [{ name: 'read_result', arguments: '{"id": "tc_' }], finishReason: 'length' });
    const { result, requests } = await during(() => turn({ input: 'cut' }));
    expect(result).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(requests).toHaveLength(1);
  });

  it('the provider cuts its answer in the middle of a call: the step is tried again, the cut call is never run', async () => {
    replies(
      { kind: 'answer', toolCalls: [{ name: 'read_result', arguments: { id: 'tc_cut' } }], cut: 'mid-tool' },
      answerText('second try'),
    );
    const result = await turn({ input: 'cut in the middle' });
    expect(result.status).toBe('completed');
    expect(result.output.map((item) => item.type)).toEqual(['message']);
  });

  it(verifies('compaction.item'), async () => {
    const { json } = await product().call('POST', '/v1/conversations', {});
    const conversation = (json as { id: string }).id;
    const long = 'The harbour has seven cranes. '.repeat(160);
    for (const input of ['first', 'second', 'third']) {
      replies(answerText(long));
      await turn({ model: 'fake/small', conversation, input });
    }
    replies(answerText('SUMMARY: seven cranes.'), answerText('going on'));
    const { result, requests } = await during(() => turn({ model: 'fake/small', conversation, input: 'fourth' }));
    expect(result.status).toBe('completed');
    expect(result.output.map((item) => item.type)).toEqual(['compaction', 'message']);
    const after = JSON.stringify(requests[1]?.body.messages);
    expect(after).toContain('SUMMARY: seven cranes.');
    expect(after).toContain('fourth');
    expect(after).not.toContain('The harbour has seven cranes. The harbour');

    replies(answerText('still fine'));
    const next = await during(() => turn({ model: 'fake/small', conversation, input: 'fifth' }));
    const later = JSON.stringify(next.requests[0]?.body.messages);
    for (const kept of ['SUMMARY: seven cranes.', 'fourth', 'going on', 'fifth']) expect(later).toContain(kept);
    expect(later).not.toContain('first');
  });
});
