/**
 * Proves what the chat completions wire reads from a provider over HTTP: text, reasoning, refusals, tool calls, usage, and
 * every way an answer can end or fail.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFailure } from '../../domain/failures.js';
import { FAKE_KEY, ask, openModel } from '../support/fake-provider-models.js';
import { answer, answerText, callTools, errorReply, rawEvents } from '../support/fake-provider-script.js';
import type { FakeReply } from '../support/fake-provider-script.js';
import { startFakeProvider } from '../support/fake-provider.js';
import type { FakeProvider } from '../support/fake-provider.js';

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

function codeOf(error: unknown): string {
  return isFailure(error) ? error.code : `not a failure: ${String(error)}`;
}

async function read(reply: FakeReply, settings = {}): ReturnType<typeof ask> {
  provider.queue(reply);
  return ask(openModel(provider, settings));
}

function choice(delta: object, finish_reason: string | null = null): object {
  return { choices: [{ index: 0, delta, finish_reason }] };
}

describe('what is read', () => {
  it('text, reasoning, usage with details -> all of it, finish last', async () => {
    const usage = { input: 10, output: 7, cached: 4, reasoning: 3 };
    const result = await read(answer({ text: 'hello wörld', reasoning: 'hm', usage, chunkSize: 2 }));
    expect(result).toMatchObject({ text: 'hello wörld', reasoning: 'hm', finish: 'stop', error: null });
    expect(result.usage).toEqual({
      inputTokens: 10,
      cachedTokens: 4,
      outputTokens: 7,
      reasoningTokens: 3,
      estimated: false,
    });
    expect(result.chunks.at(-1)?.type).toBe('finish');
  });

  it('reasoning in the field `reasoning`, a refusal, thinking parts -> each where it belongs', async () => {
    expect((await read(answer({ text: 'a', reasoning: 'why', reasoningAs: 'other' }))).reasoning).toBe('why');
    expect(await read(answer({ refusal: 'I cannot' }))).toMatchObject({
      refusal: 'I cannot',
      text: '',
      finish: 'stop',
    });
    const parts = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'mm' }] },
      { type: 'text', text: 'yes' },
    ];
    expect(await read(rawEvents([choice({ content: parts }, 'stop'), '[DONE]']))).toMatchObject({
      reasoning: 'mm',
      text: 'yes',
    });
  });

  it('packets of 3 bytes -> characters and events whole again', async () => {
    const text = 'héllo 🎉 wörld — 日本語';
    expect((await read(answerText(text, { packetBytes: 3 }))).text).toBe(text);
  });

  it('parallel tool calls with split arguments -> both, in order', async () => {
    const result = await read({
      ...callTools({ name: 'a', arguments: { q: 'ünï' } }, { name: 'b', arguments: {}, id: 'mine' }),
      chunkSize: 2,
    });
    expect(result.calls.map(({ name, arguments: args }) => [name, args])).toEqual([
      ['a', '{"q":"ünï"}'],
      ['b', '{}'],
    ]);
    expect(result.calls[1]?.callId).toBe('mine');
    expect(result.finish).toBe('tool_calls');
  });

  it('a tool call under the reason `stop`, with object arguments, in the old form -> a tool call', async () => {
    const call = { index: 0, id: '', function: { name: 'a', arguments: { x: 1 } } };
    const result = await read(rawEvents([choice({ tool_calls: [call] }, 'stop'), '[DONE]']));
    expect(result).toMatchObject({ finish: 'tool_calls', calls: [{ name: 'a', arguments: '{"x":1}' }] });
    expect(result.calls[0]?.callId).toMatch(/^call_/);
    const old = await read(
      rawEvents([choice({ function_call: { name: 'f', arguments: '{}' } }), choice({}, 'function_call'), '[DONE]']),
    );
    expect(old).toMatchObject({ finish: 'tool_calls', calls: [{ name: 'f', arguments: '{}' }] });
  });

  it.each([
    ['length', 'length'],
    ['content_filter', 'content_filter'],
    ['stop', 'stop'],
    ['eos', 'stop'],
  ])('finish reason %s -> %s', async (reason, expected) => {
    expect((await read(answerText('x', { finishReason: reason }))).finish).toBe(expected);
  });

  it('a length stop in the middle of a tool call -> length, so nobody takes the call for whole', async () => {
    const result = await read(answer({ toolCalls: [{ name: 'a', arguments: '{"x":' }], finishReason: 'length' }));
    expect(result).toMatchObject({ finish: 'length', calls: [{ arguments: '{"x":' }], error: null });
  });

  it('usage: none, all zero, in every chunk, output only in the total -> none, none, the last, the difference', async () => {
    expect((await read(answerText('x', { usage: 'none' }))).usage).toBeNull();
    const zero = { prompt_tokens: 0, completion_tokens: 0 };
    expect((await read(rawEvents([{ ...choice({ content: 'x' }, 'stop'), usage: zero }]))).usage).toBeNull();
    const running = [1, 2, 3].map((count) => ({
      ...choice({ content: 'x' }),
      usage: { prompt_tokens: 5, completion_tokens: count },
    }));
    expect((await read(rawEvents([...running, choice({}, 'stop')]))).usage).toMatchObject({
      inputTokens: 5,
      outputTokens: 3,
    });
    const total = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 20 };
    expect((await read(rawEvents([{ ...choice({ content: 'x' }, 'stop'), usage: total }]))).usage).toMatchObject({
      outputTokens: 15,
    });
  });

  it('an answer that was not streamed -> read all the same', async () => {
    const message = {
      role: 'assistant',
      content: 'whole',
      tool_calls: [{ id: 'c', function: { name: 'a', arguments: '{}' } }],
    };
    const body = {
      choices: [{ index: 0, message, finish_reason: 'tool_calls' }],
      usage: { prompt_tokens: 1, completion_tokens: 1 },
    };
    const result = await read({ kind: 'raw', contentType: 'application/json', parts: [JSON.stringify(body, null, 2)] });
    expect(result).toMatchObject({ text: 'whole', finish: 'tool_calls', calls: [{ callId: 'c' }], error: null });
    expect(result.usage?.outputTokens).toBe(1);
  });

  it('unknown events and fields, other choices, comments -> skipped', async () => {
    const noise = [
      { object: 'ping' },
      { choices: [] },
      { choices: [{ index: 1, delta: { content: 'other' } }] },
      42,
      null,
      'null',
    ];
    expect(await read(rawEvents([...noise, choice({ content: 'x', odd: 1 }, 'stop'), '[DONE]']))).toMatchObject({
      text: 'x',
      error: null,
    });
  });
});

describe('how answers end', () => {
  it('finish reason, then the connection breaks or stands still before usage -> whole, without usage', async () => {
    expect(await read(answerText('whole', { cut: 'before-usage' }))).toMatchObject({
      text: 'whole',
      finish: 'stop',
      usage: null,
      error: null,
    });
    const still = await read(answerText('whole', { stall: 'before-usage' }), { idle_timeout_ms: 150 });
    expect(still).toMatchObject({ text: 'whole', finish: 'stop', usage: null, error: null });
  });

  it('[DONE] without a finish reason -> whole when something whole was said', async () => {
    expect(await read(answerText('whole', { finishReason: null }))).toMatchObject({ finish: 'stop', error: null });
    const half = await read(answer({ toolCalls: [{ name: 'a', arguments: '{"x":' }], finishReason: null }));
    expect(codeOf(half.error)).toBe('model.stream-cut');
    expect(half.finish).toBeNull();
  });

  it.each([
    ['mid-text', 'cut'],
    ['mid-text', 'endAt'],
    ['mid-event', 'cut'],
    ['mid-event', 'endAt'],
    ['before-finish', 'endAt'],
  ] as const)('%s by %s -> stream-cut, with the text so far and no finish', async (place, how) => {
    const result = await read(answerText('a longer text in several pieces', { chunkSize: 4, [how]: place }));
    expect(codeOf(result.error)).toBe('model.stream-cut');
    expect(result.text.length).toBeGreaterThan(0);
    expect(result.finish).toBeNull();
  });

  it('cut in the middle of a tool call -> stream-cut and no finish', async () => {
    const result = await read(
      answer({ toolCalls: [{ name: 'a', arguments: { q: 'a longer argument' } }], chunkSize: 4, cut: 'mid-tool' }),
    );
    expect(codeOf(result.error)).toBe('model.stream-cut');
    expect(result.finish).toBeNull();
  });

  it('a finish reason that says it broke -> stream-cut', async () => {
    expect(codeOf((await read(answerText('x', { finishReason: 'error' }))).error)).toBe('model.stream-cut');
  });

  it('nothing said -> invalid-reply; nothing said but counted, or filtered -> an empty answer', async () => {
    expect(codeOf((await read(answer({ usage: 'none' }))).error)).toBe('model.invalid-reply');
    expect(codeOf((await read(rawEvents(['[DONE]']))).error)).toBe('model.invalid-reply');
    expect(await read(answer({ usage: { input: 5, output: 2 } }))).toMatchObject({
      finish: 'stop',
      text: '',
      error: null,
    });
    expect(await read(answer({ usage: 'none', finishReason: 'content_filter' }))).toMatchObject({
      finish: 'content_filter',
      error: null,
    });
  });

  it('errors inside the stream, framed or bare, before or after text -> classified', async () => {
    const overloaded = { error: { message: 'Overloaded', type: 'overloaded_error' } };
    const late = await read(rawEvents([choice({ content: 'so far' }), overloaded]));
    expect(codeOf(late.error)).toBe('model.overloaded');
    expect(late.text).toBe('so far');
    expect(codeOf((await read(rawEvents([{ error: { message: 'slow', code: 429 } }]))).error)).toBe(
      'model.rate-limited',
    );
    expect(codeOf((await read({ kind: 'raw', parts: [`${JSON.stringify(overloaded)}\n`] })).error)).toBe(
      'model.overloaded',
    );
    expect(
      codeOf((await read({ kind: 'raw', contentType: 'application/json', parts: [JSON.stringify(overloaded)] })).error),
    ).toBe('model.overloaded');
  });

  it('garbage: an event that is no JSON, an HTML page, an empty body -> invalid-reply or stream-cut', async () => {
    const bad = await read(rawEvents([choice({ content: 'a' }), '{not json', choice({}, 'stop')]));
    expect(codeOf(bad.error)).toBe('model.invalid-reply');
    expect(codeOf((await read({ kind: 'raw', contentType: 'text/html', parts: ['<html>'] })).error)).toBe(
      'model.invalid-reply',
    );
    expect(codeOf((await read({ kind: 'raw', parts: [] })).error)).toBe('model.stream-cut');
  });

  it('HTTP errors -> classified, with the delay, the vendor words and no key', async () => {
    const limited = (await read(errorReply(429, `slow down, ${FAKE_KEY}`, { 'retry-after': '7' }))).error;
    expect(codeOf(limited)).toBe('model.rate-limited');
    expect(isFailure(limited) && limited.retryAfterMs).toBe(7000);
    expect(String(limited)).toContain('slow down, ***');
    expect(String(limited)).toContain('fake/fake-model');
    expect(codeOf((await read(errorReply(401, 'no'))).error)).toBe('model.unauthorized');
    expect(codeOf((await read({ kind: 'error', status: 502, body: '<html>bad gateway</html>' })).error)).toBe(
      'model.unavailable',
    );
  });

  it('a redirect -> not followed, so the key goes nowhere else', async () => {
    const other = await startFakeProvider();
    const result = await read({
      kind: 'error',
      status: 307,
      headers: { location: `${other.baseUrl}/chat/completions` },
    });
    expect(codeOf(result.error)).toBe('model.invalid-reply');
    expect(String(result.error)).toContain('redirect');
    expect(other.requests).toHaveLength(0);
    await other.close();
  });
});
