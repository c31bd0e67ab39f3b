/**
 * The official Node client against the started product: what cannot be served becomes the client's exception, with code and
 * param; what fails later becomes a response that says why.
 */
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { collect, expectRejection } from '../support/client-calls.js';
import { expectOrderly } from '../support/event-order.js';
import { answer, answerText, errorReply, hang } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct } from '../support/started-product.js';

describe('openai (Node): what goes wrong', () => {
  const product = sharedProduct();

  it('a provider that refuses: -> a failed response that says why, in the answer and in the stream', async () => {
    const { openai, provider } = product();
    provider.queue(errorReply(400, 'this model does not take pictures'));
    const made = await openai.responses.create({ model: 'general', input: 'look' });
    expect(made).toMatchObject({ status: 'failed', output: [], error: { code: 'model.bad-request' } });
    expect(made.error?.message).toContain('this model does not take pictures');
    provider.queue(errorReply(400, 'no secret-of-the-provider here'));
    const events = await collect(await openai.responses.create({ model: 'general', input: 'look', stream: true }));
    const final = expectOrderly(events);
    expect(final).toMatchObject({ status: 'failed', error: { code: 'model.bad-request' } });
    expect(JSON.stringify(events)).not.toContain('secret-of-the-provider');
  });

  it('an answer cut at max_output_tokens: -> incomplete, and says so', async () => {
    const { openai, provider } = product();
    provider.queue(answerText('half an ans', { finishReason: 'length' }));
    const events = await collect(await openai.responses.create({ model: 'general', input: 'x', stream: true }));
    const final = expectOrderly(events);
    expect(final).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(answerOf(final)).toBe('half an ans');
  });

  it('a refusal: -> a refusal part, streamed as such', async () => {
    const { openai, provider } = product();
    provider.queue(answer({ refusal: 'I will not do that.' }));
    const events = await collect(await openai.responses.create({ model: 'general', input: 'x', stream: true }));
    const final = expectOrderly(events);
    expect(final.output).toMatchObject([
      { type: 'message', content: [{ type: 'refusal', refusal: 'I will not do that.' }] },
    ]);
  });

  it('requests that cannot be served: -> the exception of the client, with code and param', async () => {
    const { openai, apiUrl } = product();
    const create = (body: object): Promise<unknown> =>
      openai.responses.create({ model: 'general', input: 'x', ...body });
    await expectRejection(create({ model: 'nobody/knows' }), OpenAI.NotFoundError, {
      code: 'model.not-found',
      param: 'model',
    });
    await expectRejection(create({ input: '' }), OpenAI.BadRequestError, { code: 'request.invalid', param: 'input' });
    await expectRejection(create({ temperature: 9 }), OpenAI.BadRequestError, { param: 'temperature' });
    await expectRejection(create({ prompt: { id: 'p' } }), OpenAI.BadRequestError, { param: 'prompt' });
    await expectRejection(
      create({ input: [{ type: 'function_call_output', call_id: 'call_none', output: '1' }] }),
      OpenAI.BadRequestError,
      { param: 'input[0].call_id' },
    );
    await expectRejection(create({ previous_response_id: 'resp_none' }), OpenAI.NotFoundError, {
      param: 'previous_response_id',
    });
    await expectRejection(create({ conversation: 'conv_none' }), OpenAI.NotFoundError, {
      code: 'conversation.not-found',
      param: 'conversation',
    });
    const stranger = new OpenAI({
      apiKey: 'ts_not_a_key_of_this_server_000000000',
      baseURL: `${apiUrl}/v1`,
      maxRetries: 0,
    });
    await expectRejection(stranger.responses.create({ model: 'general', input: 'x' }), OpenAI.AuthenticationError, {
      code: 'auth.invalid',
    });
  });

  it('two messages into one conversation: -> the second is refused while the first runs', async () => {
    const { openai, provider } = product();
    const conversation = await openai.conversations.create({});
    const asked = provider.requests.length;
    provider.queue(hang());
    const first = await openai.responses.create({
      model: 'general',
      input: 'first',
      conversation: conversation.id,
      background: true,
    });
    await provider.waitForRequest(asked + 1);
    await expectRejection(
      openai.responses.create({ model: 'general', input: 'second', conversation: conversation.id }),
      OpenAI.ConflictError,
      { code: 'conversation.busy' },
    );
    await openai.responses.cancel(first.id);
    const next = await openai.responses.create({ model: 'general', input: 'third', conversation: conversation.id });
    expect(next.output_text).toBe('You said: third');
  });
});
