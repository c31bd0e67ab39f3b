/**
 * The official Node client against the started product: branches, functions of the client, structured output; and what the
 * provider was sent, on both wires.
 */
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import type { FunctionTool, ResponseInputItem } from 'openai/resources/responses/responses';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { WIRES, bothWires } from '../support/both-wires.js';
import { collect, expectRejection } from '../support/client-calls.js';
import { expectOrderly } from '../support/event-order.js';
import { answer, answerText, callTools } from '../support/fake-provider-script.js';
import { messagesOf, toldConversation, toldInstructions } from '../support/provider-view.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import { verifies } from './requirements.js';

const weather: FunctionTool = {
  type: 'function',
  name: 'weather',
  description: 'The weather in a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  strict: true,
};

describe('openai (Node): what goes into a response', () => {
  const product = sharedProduct({ providers: bothWires });
  const lastRequest = () => product().provider.requests.at(-1);
  const ask = (body: Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'model'>, model = 'general') =>
    product().openai.responses.create({ model, ...body });

  it(verifies('responses.branches'), async () => {
    const { provider } = product();
    provider.queue(answerText('Hello Ada.'), answerText('Sum: 4'), answerText('Product: 6'), answerText('Total: 10'));
    const root = await ask({ input: 'I am Ada.', instructions: 'Speak like a pirate.' });
    const left = await ask({ input: 'Add 2 and 2.', previous_response_id: root.id });
    const right = await ask({ input: 'Multiply 2 and 3.', previous_response_id: root.id });
    expect(toldConversation(lastRequest())).toEqual([
      'user: I am Ada.',
      'assistant: Hello Ada.',
      'user: Multiply 2 and 3.',
    ]);
    // Instructions belong to their request, as in the standard.
    expect(toldInstructions(lastRequest())).not.toContain('pirate');
    await ask({ input: 'And both?', previous_response_id: left.id });
    expect(toldConversation(lastRequest())).toEqual([
      'user: I am Ada.',
      'assistant: Hello Ada.',
      'user: Add 2 and 2.',
      'assistant: Sum: 4',
      'user: And both?',
    ]);
    expect(left.previous_response_id).toBe(root.id);
    expect(right.previous_response_id).toBe(root.id);
  });

  it('a conversation: -> turns follow one another; an edit is a branch inside it, and the head moves there', async () => {
    const { openai, provider } = product();
    provider.queue(answerText('One.'), answerText('Two.'), answerText('Zwei.'), answerText('Drei.'));
    const { id: conversation } = await openai.conversations.create({});
    const first = await ask({ input: 'Count.', conversation });
    expect(first.conversation).toEqual({ id: conversation });
    await ask({ input: 'Next.', conversation });
    expect(toldConversation(lastRequest())).toEqual(['user: Count.', 'assistant: One.', 'user: Next.']);
    // The edited question: a branch beside "Next.".
    const edited = await ask({ input: 'Next, in German.', previous_response_id: first.id });
    expect(edited.conversation).toEqual({ id: conversation });
    expect(toldConversation(lastRequest())).toEqual(['user: Count.', 'assistant: One.', 'user: Next, in German.']);
    await ask({ input: 'Go on.', conversation });
    expect(toldConversation(lastRequest())).toEqual([
      'user: Count.',
      'assistant: One.',
      'user: Next, in German.',
      'assistant: Zwei.',
      'user: Go on.',
    ]);
  });

  it(verifies('responses.functions'), async () => {
    const { openai, provider } = product();
    for (const model of WIRES) {
      provider.queue(callTools({ name: 'weather', arguments: { city: 'Kraków' }, id: 'call_A' }), answerText('Rain.'));
      const events = await collect(
        await openai.responses.create({
          model,
          input: 'Weather?',
          tools: [weather],
          tool_choice: 'required',
          stream: true,
        }),
      );
      const first = expectOrderly(events);
      expect(first).toMatchObject({
        status: 'completed',
        tool_choice: 'required',
        tools: [{ name: 'weather', strict: true }],
      });
      expect(first.output).toMatchObject([
        { type: 'function_call', name: 'weather', status: 'completed', call_id: 'call_A' },
      ]);
      const [call] = first.output;
      expect(call?.type === 'function_call' ? JSON.parse(call.arguments) : null).toEqual({ city: 'Kraków' });
      const second = await ask(
        {
          previous_response_id: first.id,
          input: [{ type: 'function_call_output', call_id: 'call_A', output: '{"sky":"rain"}' }],
          tools: [weather],
        },
        model,
      );
      expect(second.output_text).toBe('Rain.');
      expect(JSON.stringify(lastRequest()?.body)).toContain('{\\"sky\\":\\"rain\\"}');
    }
  });

  it('parallel functions: -> each answer stands with its call, whatever the order they are sent in', async () => {
    const { provider } = product();
    provider.queue(
      answer({
        text: 'I will look.',
        toolCalls: [
          { name: 'weather', arguments: { city: 'Oslo' }, id: 'call_1' },
          { name: 'weather', arguments: { city: 'Rome' }, id: 'call_2' },
        ],
      }),
      answerText('Snow in Oslo, sun in Rome.'),
    );
    const first = await ask({ input: 'Oslo and Rome?', tools: [weather] }, 'chat/model');
    expect(first.output.map((item) => item.type)).toEqual(['message', 'function_call', 'function_call']);
    const outputs: ResponseInputItem[] = [
      { type: 'function_call_output', call_id: 'call_2', output: 'sun' },
      { type: 'function_call_output', call_id: 'call_1', output: 'snow' },
      { role: 'user', content: 'Be brief.' },
    ];
    for (const input of [outputs, outputs.toReversed()]) {
      await ask({ previous_response_id: first.id, input, tools: [weather] }, 'chat/model');
      const told = messagesOf(lastRequest()).slice(1);
      expect(told.map((message) => message.role)).toEqual(['user', 'assistant', 'tool', 'tool', 'user']);
      expect(told.slice(2, 4)).toMatchObject([
        { tool_call_id: 'call_1', content: 'snow' },
        { tool_call_id: 'call_2', content: 'sun' },
      ]);
    }
  });

  it('a client that keeps its own history: -> the whole history goes to the model, function calls included', async () => {
    const { provider } = product();
    provider.queue(callTools({ name: 'weather', arguments: { city: 'Oslo' }, id: 'call_own' }), answerText('Snow.'));
    const question: ResponseInputItem = { role: 'user', content: 'Oslo?' };
    const first = await ask({ input: [question], tools: [weather], store: false }, 'chat/model');
    const history = [question, ...(first.output as ResponseInputItem[])];
    const output: ResponseInputItem = { type: 'function_call_output', call_id: 'call_own', output: 'snow' };
    const second = await ask({ input: [...history, output], tools: [weather], store: false }, 'chat/model');
    expect(second.output_text).toBe('Snow.');
    expect(messagesOf(lastRequest()).slice(1)).toMatchObject([
      { role: 'user', content: 'Oslo?' },
      { role: 'assistant', tool_calls: [{ id: 'call_own', function: { name: 'weather' } }] },
      { role: 'tool', tool_call_id: 'call_own', content: 'snow' },
    ]);
  });

  it('functions that no answer belongs to: -> refused by name', async () => {
    const { provider } = product();
    const first = await ask({ input: 'no call here' });
    const output: ResponseInputItem = { type: 'function_call_output', call_id: 'call_x', output: '1' };
    await expectRejection(ask({ previous_response_id: first.id, input: [output] }), OpenAI.BadRequestError, {
      param: 'input[0].call_id',
    });
    const asked = provider.requests.length;
    const bad = { ...weather, parameters: { type: 'no such type' } };
    await expectRejection(ask({ input: 'x', tools: [bad] }), OpenAI.BadRequestError, { param: 'tools[0].parameters' });
    expect(provider.requests).toHaveLength(asked);
  });

  it(verifies('responses.structured'), async () => {
    const { openai, provider } = product();
    const Prime = z.object({ place: z.int(), prime: z.int(), note: z.string() });
    const said = { place: 10, prime: 29, note: 'zażółć „gęślą” jaźń' };
    for (const model of WIRES) {
      provider.queue(answerText(JSON.stringify(said)));
      const parsed = await openai.responses.parse({
        model,
        input: 'The tenth prime, as JSON.',
        text: { format: zodTextFormat(Prime, 'prime') },
      });
      expect(parsed.output_parsed).toEqual(said);
      const body = JSON.parse(JSON.stringify(lastRequest()?.body)) as Record<string, object>;
      const sent = model === 'chat/model' ? body['response_format'] : (body['text'] as { format: object }).format;
      const format = { name: 'prime', strict: true, schema: { required: ['place', 'prime', 'note'] } };
      expect(sent).toMatchObject({
        type: 'json_schema',
        ...(model === 'chat/model' ? { json_schema: format } : format),
      });
      expect(parsed.text?.format).toMatchObject({ type: 'json_schema', name: 'prime', strict: true });
    }
    const format = { type: 'json_schema' as const, name: 'x', schema: { type: 'no such type' } };
    await expectRejection(ask({ input: 'x', text: { format } }), OpenAI.BadRequestError, {
      param: 'text.format.schema',
    });
  });

  it('everything a model may write: -> comes back letter by letter', async () => {
    const { openai, provider } = product();
    const text = 'Zażółć\u0000gęślą 👩‍👩‍👧‍👦 \u{1F600} "quotes" \\ </script>\r\n\ttab العربية 中文\u2028end';
    provider.queue(answerText(text, { chunkSize: 1, packetBytes: 7 }));
    const events = await collect(await openai.responses.create({ model: 'general', input: 'all of it', stream: true }));
    const final = expectOrderly(events);
    expect(final.error).toBeNull();
    // No database holds NUL; all else is as it was.
    expect(answerOf(final)).toBe(text.replace('\u0000', '\uFFFD'));
    expect(await product().response(final.id)).toEqual(final);
  });
});
