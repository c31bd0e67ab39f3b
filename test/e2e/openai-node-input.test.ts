/**
 * The official Node client against the started product: branches, functions of the client, structured output, images and
 * files; and what the provider was sent, on both wires.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import type { FunctionTool, Response, ResponseInputItem } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { collect, expectRejection } from '../support/client-calls.js';
import { expectOrderly } from '../support/event-order.js';
import { answer, answerText, callTools } from '../support/fake-provider-script.js';
import { messagesOf, toldConversation, toldInstructions } from '../support/provider-view.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import { verifies } from './requirements.js';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const PDF = Buffer.from('%PDF-1.4\n%âãÏÓ\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n', 'latin1').toString('base64');

/** Two providers on one fake server: the same model over either wire. */
const PROVIDERS = (baseUrl: string): string => `
  - name: chat
    base_url: ${baseUrl}
    api_key: secret-of-the-provider
    models: [{ name: model }]
  - name: wire
    wire: responses
    base_url: ${baseUrl}
    api_key: secret-of-the-provider
    models: [{ name: model }]`;
const WIRES = ['chat/model', 'wire/model'];

/** A site that the product may reach only because the operator opened it. */
const site = createServer((request, response) => {
  if (request.url === '/notes.txt')
    response.setHeader('content-type', 'text/plain; charset=utf-8').end('Grüße vom Server');
  else response.writeHead(404, { 'content-type': 'text/plain' }).end('nothing here');
});
let siteUrl = '';

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
  const env: Record<string, string> = {};
  beforeAll(async () => {
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(site.address() as AddressInfo).port}`;
    siteUrl = `http://${address}`;
    env['TURNSTONE_EGRESS_ALLOW'] = address;
  });
  afterAll(() => site.close());
  const product = sharedProduct({ providers: ({ baseUrl }) => PROVIDERS(baseUrl), env });
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
    await ask({ previous_response_id: first.id, input: outputs, tools: [weather] }, 'chat/model');
    const told = messagesOf(lastRequest()).slice(1);
    expect(told.map((message) => message.role)).toEqual(['user', 'assistant', 'tool', 'tool', 'user']);
    expect(told.slice(2, 4)).toMatchObject([
      { tool_call_id: 'call_1', content: 'snow' },
      { tool_call_id: 'call_2', content: 'sun' },
    ]);
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

  it(verifies('responses.files'), async () => {
    const text = Buffer.from('Naïve notes\nline two').toString('base64');
    const response = await ask(
      {
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: 'What is in these?' },
              { type: 'input_image', image_url: `data:image/png;base64,${PIXEL}`, detail: 'low' },
              { type: 'input_file', filename: 'notes.txt', file_data: `data:text/plain;base64,${text}` },
              { type: 'input_file', filename: 'paper.pdf', file_data: `data:application/pdf;base64,${PDF}` },
            ],
          },
        ],
      },
      'chat/model',
    );
    expect(response.status).toBe('completed');
    const [, user] = messagesOf(lastRequest());
    expect(user?.content).toEqual([
      { type: 'text', text: 'What is in these?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}`, detail: 'low' } },
      { type: 'text', text: 'File "notes.txt":\nNaïve notes\nline two' },
      { type: 'file', file: { filename: 'paper.pdf', file_data: `data:application/pdf;base64,${PDF}` } },
    ]);
    // The next turn still sees them, without sending them again.
    await ask({ input: 'And again?', previous_response_id: response.id }, 'wire/model');
    const sent = JSON.stringify(lastRequest()?.body.input);
    expect(sent).toContain(`data:image/png;base64,${PIXEL}`);
    expect(sent).toContain('Naïve notes');
    expect(sent).toContain(`data:application/pdf;base64,${PDF}`);
  });

  it('a file by URL: -> fetched once through the egress gate and kept; an image URL is the provider’s to fetch', async () => {
    const response = await ask(
      {
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_file', file_url: `${siteUrl}/notes.txt` },
              { type: 'input_image', image_url: 'https://example.com/picture.png', detail: 'auto' },
            ],
          },
        ],
      },
      'chat/model',
    );
    expect(response.status).toBe('completed');
    expect(messagesOf(lastRequest())[1]?.content).toEqual([
      { type: 'text', text: 'File "notes.txt":\nGrüße vom Server' },
      { type: 'image_url', image_url: { url: 'https://example.com/picture.png' } },
    ]);
    const { data } = await product().openai.responses.inputItems.list(response.id);
    const [message] = data as unknown as { content: { file_id?: string }[] }[];
    const fileId = message?.content[0]?.file_id;
    expect(fileId).toMatch(/^file_/);
    const file = await product().openai.files.content(fileId ?? '');
    expect(await file.text()).toBe('Grüße vom Server');
  });

  it('a file URL that may not or cannot be read: -> the response fails and says why', async () => {
    const fail = async (file_url: string): Promise<Response> =>
      ask({ input: [{ role: 'user', content: [{ type: 'input_file', file_url }] }] });
    expect(await fail(`${siteUrl}/absent.txt`)).toMatchObject({
      status: 'failed',
      error: { code: 'egress.http-error' },
    });
    expect(await fail('http://127.0.0.1:1/secret')).toMatchObject({
      status: 'failed',
      error: { code: 'egress.blocked' },
    });
    const data = 'data:image/png;base64,not base64!';
    await expectRejection(
      ask({ input: [{ role: 'user', content: [{ type: 'input_image', image_url: data, detail: 'auto' }] }] }),
      OpenAI.BadRequestError,
      { param: 'input[0].content[0].image_url' },
    );
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
