/**
 * Proves the responses wire against a provider over HTTP: what is sent (items, flat tools, `store: false`), what is read
 * (text, reasoning and its summary, refusals, tool calls, usage), servers that send only whole items or only the whole
 * response, and every way a stream can end.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFailure } from '../../domain/failures.js';
import type { ModelRequest } from '../../domain/ports/model.js';
import { ask, asking, modelRequest, openModel } from '../support/fake-provider-models.js';
import type { Answer } from '../support/fake-provider-models.js';
import { answer, answerText, callTools, errorReply, rawEvents } from '../support/fake-provider-script.js';
import type { FakeReply } from '../support/fake-provider-script.js';
import { startFakeProvider } from '../support/fake-provider.js';
import type { FakeProvider, FakeRequest } from '../support/fake-provider.js';

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

async function read(reply: FakeReply, settings = {}, request = modelRequest()): Promise<Answer> {
  provider.queue(reply);
  return ask(openModel(provider, { wire: 'responses', ...settings }), request);
}

async function sent(request: ModelRequest, settings = {}): Promise<FakeRequest> {
  expect((await read(answerText('ok'), settings, request)).error).toBeNull();
  return provider.requests.at(-1)!;
}

function codeOf(error: unknown): string {
  return isFailure(error) ? error.code : `not a failure: ${String(error)}`;
}

describe('what is sent', () => {
  it('a plain question -> nothing is stored there', async () => {
    const { body, path } = await sent(asking('hello'));
    expect(path).toBe('/v1/responses');
    expect(body).toEqual({
      model: 'fake-model',
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] }],
      stream: true,
      store: false,
    });
  });

  it('every kind of message -> its item', async () => {
    const { body } = await sent(
      modelRequest({
        messages: [
          { role: 'system', text: 'be kind' },
          {
            role: 'user',
            parts: [
              { type: 'image', url: 'https://x/i.png', detail: 'high' },
              { type: 'file', filename: 'a.pdf', dataUrl: 'data:application/pdf;base64,AA' },
            ],
          },
          { role: 'assistant', text: 'let me see', toolCalls: [{ callId: 'c1', name: 'a', arguments: '' }] },
          { role: 'assistant', text: '', toolCalls: [{ callId: 'c2', name: 'b', arguments: '{"x":1}' }] },
          { role: 'tool', callId: 'c1', text: 'one' },
        ],
      }),
    );
    expect(body.input).toEqual([
      { type: 'message', role: 'system', content: 'be kind' },
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_image', image_url: 'https://x/i.png', detail: 'high' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' },
        ],
      },
      { type: 'message', role: 'assistant', content: 'let me see' },
      { type: 'function_call', call_id: 'c1', name: 'a', arguments: '{}' },
      { type: 'function_call', call_id: 'c2', name: 'b', arguments: '{"x":1}' },
      { type: 'function_call_output', call_id: 'c1', output: 'one' },
    ]);
  });

  it('tools, choice, format, limits and effort -> their fields', async () => {
    const schema = { type: 'object' };
    const { body } = await sent(
      asking('x', {
        tools: [{ name: 'a', description: 'A', parameters: { type: 'object' }, strict: false }],
        toolChoice: { name: 'a' },
        parallelToolCalls: false,
        maxOutputTokens: 50,
        textFormat: { type: 'json_schema', name: 's', schema, strict: false, description: null },
        reasoningEffort: 'high',
        user: 'u',
      }),
      { quirks: { reasoning_summary: 'auto' } },
    );
    expect(body).toMatchObject({
      tools: [{ type: 'function', name: 'a', description: 'A', parameters: { type: 'object' }, strict: false }],
      tool_choice: { type: 'function', name: 'a' },
      parallel_tool_calls: false,
      max_output_tokens: 50,
      text: { format: { type: 'json_schema', name: 's', schema, strict: false } },
      reasoning: { effort: 'high', summary: 'auto' },
      user: 'u',
    });
  });

  it('azure -> its path, version and key header', async () => {
    const { path, headers } = await sent(asking('x'), { dialect: 'azure', base_url: provider.url });
    expect(path).toBe('/openai/responses?api-version=2024-10-21');
    expect(headers.authorization).toBeUndefined();
  });
});

describe('what is read', () => {
  it('reasoning, text, parallel calls, usage -> all of it, finish last', async () => {
    const usage = { input: 10, output: 7, cached: 4, reasoning: 3 };
    const calls = callTools({ name: 'a', arguments: { q: 'ünï' } }, { name: 'b', arguments: {} });
    const result = await read({ ...calls, text: 'héllo', reasoning: 'hm', usage, chunkSize: 2, packetBytes: 5 });
    expect(result).toMatchObject({ text: 'héllo', reasoning: 'hm', summary: '', finish: 'tool_calls', error: null });
    expect(result.calls.map(({ name, arguments: args }) => [name, args])).toEqual([
      ['a', '{"q":"ünï"}'],
      ['b', '{}'],
    ]);
    expect(result.usage).toEqual({
      inputTokens: 10,
      cachedTokens: 4,
      outputTokens: 7,
      reasoningTokens: 3,
      estimated: false,
    });
    expect(result.chunks.at(-1)?.type).toBe('finish');
  });

  it('a reasoning summary in two parts, a refusal -> each as its own kind', async () => {
    expect(await read(answer({ text: 'x', reasoning: 'in short', reasoningAs: 'other' }))).toMatchObject({
      reasoning: '',
      summary: 'in short',
    });
    expect(await read(answer({ refusal: 'I cannot' }))).toMatchObject({ refusal: 'I cannot', finish: 'stop' });
    const part = (summary_index: number, delta: string): object[] => [
      { type: 'response.reasoning_summary_part.added', output_index: 0, summary_index },
      { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index, delta },
    ];
    const done = {
      type: 'response.completed',
      response: { status: 'completed', output: [{ type: 'reasoning', summary: [{ text: 'one' }] }] },
    };
    expect((await read(rawEvents([...part(0, 'one'), ...part(1, 'two'), done]))).summary).toBe('one\n\ntwo');
  });

  it.each([
    ['length', 'length'],
    ['content_filter', 'content_filter'],
  ])('incomplete for %s -> finish %s', async (reason, expected) => {
    expect((await read(answerText('x', { finishReason: reason }))).finish).toBe(expected);
  });

  const call = { type: 'function_call', id: 'fc', call_id: 'c1', name: 'a', arguments: '{"x":1}' };
  const message = { type: 'message', id: 'm', content: [{ type: 'output_text', text: 'whole' }] };
  const completed = { type: 'response.completed', response: { status: 'completed', output: [message, call] } };

  it('only whole items, only whole arguments, only the whole response -> read once each', async () => {
    const expected = {
      text: 'whole',
      finish: 'tool_calls',
      calls: [{ callId: 'c1', name: 'a', arguments: '{"x":1}' }],
      error: null,
    };
    const items = [message, call].map((item, output_index) => ({
      type: 'response.output_item.done',
      output_index,
      item,
    }));
    expect(await read(rawEvents([...items, completed]))).toMatchObject(expected);
    expect(await read(rawEvents([completed]))).toMatchObject(expected);
    const added = { type: 'response.output_item.added', output_index: 1, item: { ...call, arguments: '' } };
    const args = { type: 'response.function_call_arguments.done', output_index: 1, arguments: '{"x":1}' };
    expect(await read(rawEvents([added, args, completed]))).toMatchObject(expected);
    expect(
      await read({
        kind: 'raw',
        contentType: 'application/json',
        parts: [JSON.stringify({ object: 'response', ...completed.response })],
      }),
    ).toMatchObject(expected);
  });

  it('unknown events -> skipped', async () => {
    const noise = [{ type: 'response.some_new_thing', delta: 'no' }, { type: 'keepalive' }, 7];
    expect(await read(rawEvents([...noise, completed]))).toMatchObject({ text: 'whole', error: null });
  });
});

describe('how answers end', () => {
  it.each(['mid-text', 'mid-event', 'before-finish'] as const)('%s -> stream-cut, no finish', async (place) => {
    for (const how of ['cut', 'endAt'] as const) {
      const result = await read(answerText('a longer text in several pieces', { chunkSize: 4, [how]: place }));
      expect([how, codeOf(result.error), result.finish]).toEqual([how, 'model.stream-cut', null]);
    }
  });

  it('cut in the middle of a tool call -> stream-cut', async () => {
    const result = await read(
      answer({ toolCalls: [{ name: 'a', arguments: { q: 'a longer argument' } }], chunkSize: 4, cut: 'mid-tool' }),
    );
    expect(codeOf(result.error)).toBe('model.stream-cut');
  });

  it('response.failed and error events -> classified', async () => {
    const failed = {
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'slow' } },
    };
    expect(codeOf((await read(rawEvents([failed]))).error)).toBe('model.rate-limited');
    const serverError = { type: 'error', code: 'server_error', message: 'oops', param: null };
    const late = await read(
      rawEvents([{ type: 'response.output_text.delta', output_index: 0, delta: 'so far' }, serverError]),
    );
    expect([late.text, codeOf(late.error)]).toEqual(['so far', 'model.unavailable']);
    expect(
      codeOf((await read(rawEvents([{ error: { message: 'prompt is too long: 9 tokens > 8 maximum' } }]))).error),
    ).toBe('model.context-overflow');
    expect(codeOf((await read(errorReply(503, 'later'))).error)).toBe('model.overloaded');
  });

  it('nothing said and nothing counted -> invalid-reply', async () => {
    expect(codeOf((await read(answer({ usage: 'none' }))).error)).toBe('model.invalid-reply');
    expect(await read(answer({ usage: { input: 3, output: 1 } }))).toMatchObject({ finish: 'stop', error: null });
  });
});
