/** The official `openai` client works unchanged against the API: what it sends is taken, what it gets it understands. */
import OpenAI from 'openai';
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { until } from '../support/until.js';

let api: ApiFixture;
let openai: OpenAI;

beforeAll(async () => {
  api = await startApi();
  openai = api.client();
});
afterAll(() => api.close());

async function collect<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const textOf = (events: readonly ResponseStreamEvent[]): string =>
  events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');

const weather = {
  type: 'function',
  name: 'weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
} as const;

describe('responses.create', () => {
  it('plain: the finished response with its text and usage', async () => {
    const response = await openai.responses.create({ model: 'general', input: 'hello' });
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      output_text: 'You said: hello',
      usage: { total_tokens: 18 },
    });
  });

  it('stream: standard events with rising numbers, one terminal event, the same text as stored', async () => {
    const events = await collect(
      await openai.responses.create({ model: 'general', input: 'stream this', stream: true }),
    );
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, index) => index));
    expect(events.slice(0, 2).map((event) => event.type)).toEqual(['response.created', 'response.in_progress']);
    expect(events.filter((event) => /^response\.(completed|failed|incomplete)$/.test(event.type))).toHaveLength(1);
    expect(events.at(-1)?.type).toBe('response.completed');
    const { response } = events.at(-1) as { response: Response };
    const stored = await openai.responses.retrieve(response.id);
    expect(textOf(events)).toBe(stored.output_text);
  });

  it('stream helper: the final response is assembled', async () => {
    const final = await openai.responses.stream({ model: 'general', input: 'assemble' }).finalResponse();
    expect(final.output_text).toBe('You said: assemble');
  });

  it('background: answered at once, readable until it has ended', async () => {
    const response = await openai.responses.create({ model: 'general', input: 'in the back', background: true });
    expect(['queued', 'in_progress', 'completed']).toContain(response.status);
    const ended = await until(async () => {
      const now = await openai.responses.retrieve(response.id);
      return now.status === 'completed' ? now : null;
    }, 'the background response to complete');
    expect(ended.output_text).toBe('You said: in the back');
  });

  it('a failed turn: 200 with status failed and its error', async () => {
    const response = await openai.responses.create({ model: 'general', input: 'fail please' });
    expect(response).toMatchObject({ status: 'failed', error: { code: 'model.overloaded' } });
  });

  it('a function of the client: called, answered with function_call_output', async () => {
    const first = await openai.responses.create({ model: 'general', input: 'call it', tools: [weather] });
    const call = first.output.find((item) => item.type === 'function_call');
    expect(call).toMatchObject({ name: 'weather', status: 'completed' });
    const second = await openai.responses.create({
      model: 'general',
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: call!.call_id, output: 'rain' }],
      tools: [weather],
    });
    expect(second.output_text).toBe('You said: rain');
    expect(second.previous_response_id).toBe(first.id);
  });

  it('images and files as data URLs: stored, replaced by ids, readable', async () => {
    const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const response = await openai.responses.create({
      model: 'general',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'look' },
            { type: 'input_image', image_url: `data:image/jpeg;base64,${pixel}`, detail: 'low' },
            {
              type: 'input_file',
              filename: 'notes/../a.txt',
              file_data: `data:text/plain;base64,${Buffer.from('hi').toString('base64')}`,
            },
          ],
        },
      ],
    });
    const items = await openai.responses.inputItems.list(response.id);
    const message = items.data[0] as unknown as {
      content: { file_id?: string; image_url?: string; filename?: string }[];
    };
    expect(message.content[1]).toEqual({
      type: 'input_image',
      detail: 'low',
      file_id: expect.stringMatching(/^file_/) as string,
    });
    expect(message.content[2]?.filename).toBe('a.txt');
    const image = await api.request('GET', `/v1/files/${message.content[1]?.file_id}/content`);
    expect(image.headers.get('content-type')).toBe('image/png');
    expect(image.headers.get('content-disposition')).toContain('attachment');
  });
});

describe('responses.retrieve with stream', () => {
  it('starting_after: exactly what comes after it', async () => {
    const events = await collect(await openai.responses.create({ model: 'general', input: 'resume me', stream: true }));
    const { response } = events[0] as { response: Response };
    const rest = await collect(await openai.responses.retrieve(response.id, { stream: true, starting_after: 3 }));
    expect(rest).toEqual(events.filter((event) => event.sequence_number > 3));
  });

  it('in the middle of a running turn: two readers, nothing missing or doubled', async () => {
    const first = await openai.responses.create({ model: 'general', input: 'wait here', background: true });
    const reader = collect(await openai.responses.retrieve(first.id, { stream: true }));
    await until(
      () => api.lines.some((line) => line.message === 'turn accepted' && line.fields['turnId'] === first.id),
      'acceptance',
    );
    api.engine.release();
    const seen = await reader;
    const again = await collect(await openai.responses.retrieve(first.id, { stream: true, starting_after: 4 }));
    expect(again).toEqual(seen.filter((event) => event.sequence_number > 4));
    expect(textOf(seen)).toBe('You said: wait here');
  });
});

describe('responses: cancel, delete, input_items', () => {
  it('cancel: ends cancelled, keeps the partial text; a second cancel changes nothing', async () => {
    const running = await openai.responses.create({ model: 'general', input: 'wait for me', background: true });
    const cancelled = await openai.responses.cancel(running.id);
    expect(cancelled.status).toBe('cancelled');
    expect(JSON.stringify(cancelled.output)).toContain('You said: wait for me');
    expect(await openai.responses.cancel(running.id)).toEqual(cancelled);
  });

  it('delete: gone afterwards', async () => {
    const response = await openai.responses.create({ model: 'general', input: 'short-lived' });
    await openai.responses.delete(response.id);
    await expect(openai.responses.retrieve(response.id)).rejects.toMatchObject({
      status: 404,
      code: 'response.not-found',
    });
  });

  it('input_items: own input and that of the turns before, in pages', async () => {
    const first = await openai.responses.create({ model: 'general', input: 'one' });
    const second = await openai.responses.create({ model: 'general', input: 'two', previous_response_id: first.id });
    const texts: string[] = [];
    for await (const item of openai.responses.inputItems.list(second.id, { limit: 1, order: 'desc' }))
      texts.push(JSON.stringify(item));
    expect(texts).toHaveLength(3);
    expect(texts[0]).toContain('two');
    expect(texts[2]).toContain('one');
  });

  it('input_tokens.count: an estimate above zero', async () => {
    const count = await openai.responses.inputTokens.count({ model: 'general', input: 'How many tokens is this?' });
    expect(count.input_tokens).toBeGreaterThan(5);
  });
});

describe('conversations', () => {
  it('create, turn, items, update, delete', async () => {
    const conversation = await openai.conversations.create({
      metadata: { topic: 'weather' },
      items: [{ type: 'message', role: 'user', content: 'Remember: it rains.' }],
    });
    expect(conversation).toMatchObject({ object: 'conversation', metadata: { topic: 'weather' } });
    const response = await openai.responses.create({
      model: 'general',
      input: 'and now',
      conversation: conversation.id,
    });
    expect(response.conversation).toEqual({ id: conversation.id });
    const items = await openai.conversations.items.list(conversation.id, { order: 'asc' });
    expect(items.data.map((item) => item.type)).toEqual(['message', 'message', 'message']);
    const added = await openai.conversations.items.create(conversation.id, {
      items: [{ role: 'user', content: 'a note' }],
    });
    const itemId = (added.data[0] as { id: string }).id;
    expect(await openai.conversations.items.retrieve(itemId, { conversation_id: conversation.id })).toMatchObject({
      id: itemId,
    });
    await openai.conversations.items.delete(itemId, { conversation_id: conversation.id });
    await expect(
      openai.conversations.items.retrieve(itemId, { conversation_id: conversation.id }),
    ).rejects.toMatchObject({ status: 404 });
    expect(await openai.conversations.update(conversation.id, { metadata: { topic: 'sun' } })).toMatchObject({
      metadata: { topic: 'sun' },
    });
    expect(await openai.conversations.delete(conversation.id)).toEqual({
      id: conversation.id,
      object: 'conversation.deleted',
      deleted: true,
    });
    await expect(openai.conversations.retrieve(conversation.id)).rejects.toMatchObject({
      status: 404,
      code: 'conversation.not-found',
    });
  });
});

describe('models', () => {
  it('list and retrieve: agents and models; the demo says what it is', async () => {
    const { data } = await openai.models.list();
    expect(data.map((model) => model.id)).toEqual(['general', 'writer', 'fake/model', 'demo/script']);
    expect(data.find((model) => model.id === 'demo/script')?.owned_by).toContain('scripted demo');
    expect(await openai.models.retrieve('fake/model')).toMatchObject({ id: 'fake/model', owned_by: 'fake' });
  });
});

describe('chat.completions', () => {
  const messages = [{ role: 'user' as const, content: 'chat with me' }];

  it('plain: content, usage and finish reason', async () => {
    const completion = await openai.chat.completions.create({ model: 'general', messages });
    expect(completion.choices[0]).toMatchObject({
      message: { role: 'assistant', content: 'You said: chat with me' },
      finish_reason: 'stop',
    });
    expect(completion.usage).toMatchObject({ prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 });
  });

  it('stream: the same content in chunks, usage in the last when asked', async () => {
    const stream = await openai.chat.completions.create({
      model: 'general',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('You said: chat with me');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 18 } });
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
  });

  it('tools: a call comes out, its result goes back in', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }];
    const first = await openai.chat.completions.create({
      model: 'general',
      messages: [{ role: 'user', content: 'call it' }],
      tools,
    });
    const message = first.choices[0]!.message;
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    expect(message.content).toBeNull();
    const call = message.tool_calls![0]!;
    const second = await openai.chat.completions.create({
      model: 'general',
      messages: [
        { role: 'user', content: 'call it' },
        message,
        { role: 'tool', tool_call_id: call.id, content: 'sunny' },
      ],
      tools,
    });
    expect(second.choices[0]?.message.content).toBe('You said: sunny');
  });

  it('tools, streamed: the helper assembles the call', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }];
    const final = await openai.chat.completions
      .stream({ model: 'general', messages: [{ role: 'user', content: 'call it' }], tools })
      .finalChatCompletion();
    expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: 'weather', arguments: '{"city":"Oslo"}' },
    });
  });

  it('a failed turn: the error of the failure table', async () => {
    await expect(
      openai.chat.completions.create({ model: 'general', messages: [{ role: 'user', content: 'fail' }] }),
    ).rejects.toMatchObject({
      status: 503,
      code: 'model.overloaded',
    });
    const stream = await openai.chat.completions.create({
      model: 'general',
      messages: [{ role: 'user', content: 'fail' }],
      stream: true,
    });
    await expect(collect(stream)).rejects.toMatchObject({ code: 'model.overloaded' });
  });

  it('what is not stored is not there afterwards', async () => {
    const completion = await openai.chat.completions.create({ model: 'general', messages });
    const id = completion.id.replace('chatcmpl-', '');
    await expect(openai.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
  });
});

describe('a wrong key', () => {
  it('is an authentication error', async () => {
    await expect(api.client('ts_wrong-key-that-is-long-enough').models.list()).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
  });
});
