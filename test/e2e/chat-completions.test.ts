/**
 * Chat completions with the official Node client against the started product: plain, stream, usage, tools, structured
 * answers, images, errors.
 */
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import type {
  ChatCompletionChunk,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bothWires } from '../support/both-wires.js';
import { collect, expectRejection } from '../support/client-calls.js';
import { answer, answerText, callTools, errorReply } from '../support/fake-provider-script.js';
import { messagesOf, toldConversation, toldInstructions } from '../support/provider-view.js';
import { sharedProduct } from '../support/started-product.js';
import { verifies } from './requirements.js';

const tools: ChatCompletionTool[] = [
  {
    type: 'function',
    function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  },
];
const ask = (content: string): ChatCompletionMessageParam[] => [{ role: 'user', content }];
const textOf = (chunks: readonly ChatCompletionChunk[]): string =>
  chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

/** What the format says of a stream: one id, the role first, one finish reason, nothing after it but the usage. */
function expectOrderlyChunks(chunks: readonly ChatCompletionChunk[]): void {
  expect(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.model} ${chunk.created} ${chunk.object}`)).size).toBe(1);
  expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant' });
  const choices = chunks.filter((chunk) => chunk.choices.length > 0);
  expect(choices.map((chunk) => chunk.choices[0]?.finish_reason !== null)).toEqual(
    choices.map((_chunk, index) => index === choices.length - 1),
  );
  expect(chunks.length - choices.length).toBeLessThanOrEqual(1);
}

describe('openai (Node): chat completions', () => {
  const product = sharedProduct({ providers: bothWires });
  const chat = () => product().openai.chat.completions;
  const lastRequest = () => product().provider.requests.at(-1);

  it(verifies('chat.node'), async () => {
    const { provider } = product();
    provider.queue(answer({ text: 'Nice to meet you.', usage: { input: 120, output: 7, cached: 20, reasoning: 0 } }));
    const completion = await chat().create({
      model: 'general',
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'I am Ada.' },
        { role: 'assistant', content: 'Hello Ada.' },
        { role: 'user', content: [{ type: 'text', text: 'Who am I?' }] },
      ],
      temperature: 0.2,
      max_completion_tokens: 50,
    });
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'general',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content: 'Nice to meet you.', refusal: null },
        },
      ],
      usage: {
        prompt_tokens: 120,
        completion_tokens: 7,
        total_tokens: 127,
        prompt_tokens_details: { cached_tokens: 20 },
      },
    });
    expect(completion.id).toMatch(/^chatcmpl-/);
    expect(completion.choices[0]?.message.tool_calls).toBeUndefined();
    expect(toldInstructions(lastRequest())).toContain('Be kind.');
    expect(toldConversation(lastRequest())).toEqual(['user: I am Ada.', 'assistant: Hello Ada.', 'user: Who am I?']);
    expect(lastRequest()?.body).toMatchObject({ temperature: 0.2, max_tokens: 50 });
  });

  it('stream: -> chunks in order, the text whole, no usage unless asked', async () => {
    const text = Array.from({ length: 40 }, (_, index) => `słowo${index}`).join(' ');
    product().provider.queue(answer({ reasoning: 'Hm.', text, chunkSize: 6, delayMs: 3 }));
    const chunks = await collect(await chat().create({ model: 'general', messages: ask('talk'), stream: true }));
    expectOrderlyChunks(chunks);
    expect(textOf(chunks)).toBe(text);
    expect(chunks.length).toBeGreaterThan(4);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.every((chunk) => chunk.usage === undefined || chunk.usage === null)).toBe(true);
    expect(JSON.stringify(chunks)).toContain('"reasoning_content":"Hm."');
  });

  it('stream with include_usage: -> a last chunk with the counts and no choice', async () => {
    product().provider.queue(answerText('counted', { usage: { input: 11, output: 3 } }));
    const chunks = await collect(
      await chat().create({
        model: 'general',
        messages: ask('count'),
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    expectOrderlyChunks(chunks);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 },
    });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  it('tools: -> the calls, plain and streamed; their results go back to the model with them', async () => {
    const { provider } = product();
    for (const stream of [false, true]) {
      provider.queue(
        callTools(
          { name: 'weather', arguments: { city: 'Łódź' }, id: 'call_1' },
          { name: 'weather', arguments: { city: 'Oslo' }, id: 'call_2' },
        ),
        answerText('Rain and snow.'),
      );
      const body = { model: 'chat/model', messages: ask('Łódź and Oslo?'), tools };
      const first = stream ? await chat().stream(body).finalChatCompletion() : await chat().create(body);
      const choice = first.choices[0];
      expect(choice?.finish_reason).toBe('tool_calls');
      const calls = choice?.message.tool_calls ?? [];
      expect(calls).toMatchObject([
        { id: 'call_1', type: 'function', function: { name: 'weather' } },
        { id: 'call_2', type: 'function', function: { name: 'weather' } },
      ]);
      const [call] = calls;
      expect(call?.type === 'function' ? JSON.parse(call.function.arguments) : null).toEqual({ city: 'Łódź' });
      const messages: ChatCompletionMessageParam[] = [
        ...ask('Łódź and Oslo?'),
        { role: 'assistant', content: null, tool_calls: calls },
        { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
        { role: 'tool', tool_call_id: 'call_2', content: 'snow' },
      ];
      const second = await chat().create({ model: 'chat/model', messages, tools });
      expect(second.choices[0]?.message.content).toBe('Rain and snow.');
      expect(messagesOf(lastRequest()).slice(1)).toMatchObject([
        { role: 'user' },
        { role: 'assistant', tool_calls: [{ id: 'call_1' }, { id: 'call_2' }] },
        { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
        { role: 'tool', tool_call_id: 'call_2', content: 'snow' },
      ]);
    }
  });

  it('tools of the agent: -> run on the server and are not the client’s to answer', async () => {
    const { provider } = product();
    provider.queue(
      answer({ text: 'I look.', toolCalls: [{ name: 'read_result', arguments: { id: 'tc_none' } }] }),
      answerText('Nothing there.'),
    );
    const chunks = await collect(await chat().create({ model: 'general', messages: ask('look'), stream: true }));
    expectOrderlyChunks(chunks);
    expect(chunks.some((chunk) => chunk.choices[0]?.delta.tool_calls !== undefined)).toBe(false);
    expect(textOf(chunks)).toBe('I look.\n\nNothing there.');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
  });

  it('response_format: -> reaches the model, the helper parses the answer', async () => {
    const { provider } = product();
    const said = { prime: 29, odd: true };
    provider.queue(answerText(JSON.stringify(said)));
    const completion = await chat().parse({
      model: 'chat/model',
      messages: ask('The tenth prime?'),
      response_format: zodResponseFormat(z.object({ prime: z.int(), odd: z.boolean() }), 'prime'),
    });
    expect(completion.choices[0]?.message.parsed).toEqual(said);
    expect(lastRequest()?.body['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'prime', strict: true },
    });
    provider.queue(answerText('{}'));
    await chat().create({ model: 'chat/model', messages: ask('x'), response_format: { type: 'json_object' } });
    expect(lastRequest()?.body['response_format']).toEqual({ type: 'json_object' });
  });

  it('images: -> reach the model as they were sent, over either wire', async () => {
    const url = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
    for (const model of ['chat/model', 'wire/model']) {
      await chat().create({
        model,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is it?' },
              { type: 'image_url', image_url: { url, detail: 'low' } },
            ],
          },
        ],
      });
      expect(JSON.stringify(lastRequest()?.body)).toContain(url);
    }
  });

  it('an answer cut at its length: -> finish_reason length', async () => {
    product().provider.queue(answerText('half an', { finishReason: 'length' }));
    const completion = await chat().create({ model: 'general', messages: ask('x'), max_completion_tokens: 16 });
    expect(completion.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'half an' } });
  });

  it('what goes wrong: -> the client’s exceptions, with code and param; in a stream too', async () => {
    const { provider, openai } = product();
    const create = (body: object): Promise<unknown> =>
      chat().create({ model: 'general', messages: ask('x'), ...body } as OpenAI.ChatCompletionCreateParams);
    await expectRejection(create({ messages: [] }), OpenAI.BadRequestError, { param: 'messages' });
    await expectRejection(create({ n: 2 }), OpenAI.BadRequestError, { code: 'request.invalid', param: 'n' });
    await expectRejection(create({ model: 'nobody/knows' }), OpenAI.NotFoundError, { code: 'model.not-found' });
    const orphan = { role: 'tool', tool_call_id: 'call_none', content: '1' };
    await expectRejection(create({ messages: [...ask('x'), orphan] }), OpenAI.BadRequestError, {
      param: 'messages[1].tool_call_id',
    });
    await expectRejection(
      openai.withOptions({ apiKey: 'ts_not_a_key_of_this_server_000000000' }).models.list(),
      OpenAI.AuthenticationError,
      { code: 'auth.invalid' },
    );
    provider.queue(errorReply(400, 'too hot'), errorReply(400, 'too hot'));
    await expectRejection(create({}), OpenAI.BadRequestError, { code: 'model.bad-request' });
    const stream = await chat().create({ model: 'general', messages: ask('x'), stream: true });
    await expectRejection(collect(stream), OpenAI.APIError, { code: 'model.bad-request' });
  });
});
