/**
 * The official Node client against the started product: create, stream, background, retrieve, cancel, delete, input items,
 * and the errors it turns answers into. Every stream passes the strict reader.
 */
import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { describe, expect, it } from 'vitest';
import { collect, expectRejection } from '../support/client-calls.js';
import { expectOrderly } from '../support/event-order.js';
import { answer, answerText, hang } from '../support/fake-provider-script.js';
import { toldConversation, toldInstructions } from '../support/provider-view.js';
import { answerOf, sharedProduct, shownText } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const LONG = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');
/** About 3 s. */
const slowly = { chunkSize: 8, delayMs: 50 };

describe('openai (Node): responses', () => {
  const product = sharedProduct();
  const lastRequest = () => product().provider.requests.at(-1);

  it(verifies('responses.node'), async () => {
    const { openai, provider } = product();
    provider.queue(answerText('The tenth prime is 29.'));
    const made = await openai.responses.create({
      model: 'general',
      input: 'What is the tenth prime?',
      instructions: 'Answer in one sentence.',
      metadata: { topic: 'primes', ключ: 'значение' },
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 100,
    });
    expect(made.output_text).toBe('The tenth prime is 29.');
    expect(made).toMatchObject({
      object: 'response',
      status: 'completed',
      model: 'general',
      error: null,
      incomplete_details: null,
      instructions: 'Answer in one sentence.',
      metadata: { topic: 'primes', ключ: 'значение' },
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 100,
      previous_response_id: null,
      parallel_tool_calls: true,
      output: [{ type: 'message', role: 'assistant', status: 'completed' }],
    });
    expect(made.usage?.total_tokens).toBe((made.usage?.input_tokens ?? 0) + (made.usage?.output_tokens ?? 0));
    expect(await openai.responses.retrieve(made.id)).toEqual(made);
    expect(lastRequest()?.body).toMatchObject({ model: 'model', temperature: 0.5, top_p: 0.9, max_tokens: 100 });
    expect(toldInstructions(lastRequest())).toContain('Answer in one sentence.');
    expect(toldConversation(lastRequest())).toEqual(['user: What is the tenth prime?']);
  });

  it('stream: -> events in the order of the standard; the end is what is stored', async () => {
    const { openai, provider } = product();
    provider.queue(answer({ reasoning: 'Let me think about it.', text: LONG, chunkSize: 10, delayMs: 3 }));
    const events = await collect(
      await openai.responses.create({ model: 'general', input: 'stream', stream: true, metadata: { a: 'b' } }),
    );
    const final = expectOrderly(events);
    expect(final.output.map((item) => item.type)).toEqual(['reasoning', 'message']);
    expect(final.metadata).toEqual({ a: 'b' });
    expect(answerOf(final)).toBe(LONG);
    expect(events.filter((event) => event.type === 'response.output_text.delta').length).toBeGreaterThan(3);
    const stored = await product().response(final.id);
    expect(stored).toEqual(final);
    // Read again after the end: the same events, whoever asks.
    const replay = await collect(await openai.responses.retrieve(final.id, { stream: true }));
    expect(expectOrderly(replay)).toEqual(final);
    expect(replay).toEqual(events);
  });

  it('stream helper: -> snapshots while it grows, finalResponse with the parsed text', async () => {
    const { openai, provider } = product();
    provider.queue(answerText('assembled by the client'));
    const seen: string[] = [];
    const stream = openai.responses.stream({ model: 'general', input: 'help me' });
    stream.on('response.output_text.delta', (event) => seen.push(event.snapshot));
    const final = await stream.finalResponse();
    expect(final.status).toBe('completed');
    expect(final.output_text).toBe('assembled by the client');
    expect(seen.at(-1)).toBe('assembled by the client');
  });

  it('retrieve with starting_after: -> exactly the rest, while it runs and after', async () => {
    const { openai, provider } = product();
    provider.queue(answerText(LONG, slowly));
    const before: ResponseStreamEvent[] = [];
    const first = await openai.responses.create({ model: 'general', input: 'long', stream: true });
    for await (const event of first) {
      before.push(event);
      if (event.type === 'response.output_text.delta' && before.length > 8) break;
    }
    const opening = before[0];
    const id = opening?.type === 'response.created' ? opening.response.id : '';
    const starting_after = before.at(-1)?.sequence_number ?? -1;
    const rest = await collect(await openai.responses.retrieve(id, { stream: true, starting_after }));
    expect(answerOf(expectOrderly([...before, ...rest]))).toBe(LONG);
    const again = await collect(await openai.responses.retrieve(id, { stream: true, starting_after }));
    expect(again).toEqual(rest);
  });

  it(verifies('responses.background'), async () => {
    const { openai, provider } = product();
    provider.queue(answerText(LONG, { chunkSize: 40, delayMs: 30 }));
    const queued = await openai.responses.create({ model: 'general', input: 'in the back', background: true });
    expect(queued).toMatchObject({ background: true, output: [], completed_at: null });
    expect(['queued', 'in_progress']).toContain(queued.status);
    const done = await until(async () => {
      const now = await openai.responses.retrieve(queued.id);
      return now.status === 'completed' ? now : null;
    }, 'the background response is completed');
    expect(done.output_text).toBe(LONG);
    expect(done.background).toBe(true);
  });

  it('background and stream: -> queued first; the turn outlives its reader', async () => {
    const { openai, provider } = product();
    provider.queue(answerText(LONG, { chunkSize: 16, delayMs: 20 }));
    const stream = await openai.responses.create({ model: 'general', input: 'both', background: true, stream: true });
    const before: ResponseStreamEvent[] = [];
    for await (const event of stream) {
      before.push(event);
      if (event.type === 'response.output_text.delta') break;
    }
    expect(before.map((event) => event.type).slice(0, 3)).toEqual([
      'response.created',
      'response.queued',
      'response.in_progress',
    ]);
    const opening = before[0];
    const id = opening?.type === 'response.created' ? opening.response.id : '';
    const starting_after = before.at(-1)?.sequence_number ?? -1;
    const rest = await collect(await openai.responses.retrieve(id, { stream: true, starting_after }));
    const all = [...before, ...rest];
    expect(answerOf(expectOrderly(all))).toBe(LONG);
    expect(shownText(all as never)).toBe(LONG);
  });

  it('cancel a background response: -> cancelled with the text until then, and its stream ends once', async () => {
    const { openai, provider } = product();
    provider.queue(answerText(LONG, { chunkSize: 8, delayMs: 100 }));
    const running = await openai.responses.create({ model: 'general', input: 'stop me', background: true });
    const events: ResponseStreamEvent[] = [];
    let cancelled: Promise<OpenAI.Responses.Response> | null = null;
    for await (const event of await openai.responses.retrieve(running.id, { stream: true })) {
      events.push(event);
      if (event.type === 'response.output_text.delta') cancelled ??= openai.responses.cancel(running.id);
    }
    const answered = await cancelled;
    const final = expectOrderly(events);
    expect(final.status).toBe('cancelled');
    expect(answered).toMatchObject({ id: running.id, status: 'cancelled' });
    expect(final.output).toMatchObject([{ type: 'message', status: 'incomplete' }]);
    expect(LONG.startsWith(answerOf(final))).toBe(true);
    expect(answerOf(final)).not.toBe('');
    // A client retries: the second cancel is as good as the first.
    expect((await openai.responses.cancel(running.id)).status).toBe('cancelled');
  });

  it('cancel before the first word: -> cancelled, without output', async () => {
    const { openai, provider } = product();
    const asked = provider.requests.length;
    provider.queue(hang());
    const running = await openai.responses.create({ model: 'general', input: 'silence', background: true });
    await provider.waitForRequest(asked + 1);
    expect(await openai.responses.cancel(running.id)).toMatchObject({ status: 'cancelled', output: [] });
  });

  it('delete: -> 404 for every way to reach it; a running response is not deleted', async () => {
    const { openai, provider } = product();
    const made = await openai.responses.create({ model: 'general', input: 'short-lived' });
    await openai.responses.delete(made.id);
    const gone = { status: 404, code: 'response.not-found' };
    await expectRejection(openai.responses.retrieve(made.id), OpenAI.NotFoundError, gone);
    await expectRejection(openai.responses.inputItems.list(made.id), OpenAI.NotFoundError, gone);
    await expectRejection(openai.responses.cancel(made.id), OpenAI.NotFoundError, gone);
    await expectRejection(openai.responses.delete(made.id), OpenAI.NotFoundError, gone);
    await expectRejection(
      openai.responses.create({ model: 'general', input: 'go on', previous_response_id: made.id }),
      OpenAI.NotFoundError,
      { code: 'response.not-found', param: 'previous_response_id' },
    );
    provider.queue(hang());
    const running = await openai.responses.create({ model: 'general', input: 'wait', background: true });
    await expectRejection(openai.responses.delete(running.id), OpenAI.ConflictError, {
      code: 'response.still-running',
    });
    await openai.responses.cancel(running.id);
    await openai.responses.delete(running.id);
  });

  it('input items: -> all of the input in pages, in both orders', async () => {
    const { openai } = product();
    const input = ['one', 'two', 'three', 'four', 'five'].map((text) => ({ role: 'user' as const, content: text }));
    const made = await openai.responses.create({ model: 'general', input });
    const read = async (order: 'asc' | 'desc'): Promise<string[]> => {
      const texts: string[] = [];
      for await (const item of openai.responses.inputItems.list(made.id, { limit: 2, order })) {
        if (item.type === 'message') texts.push(item.content.map((part) => ('text' in part ? part.text : '')).join(''));
      }
      return texts;
    };
    expect(await read('asc')).toEqual(['one', 'two', 'three', 'four', 'five']);
    expect(await read('desc')).toEqual(['five', 'four', 'three', 'two', 'one']);
  });

  it('store false: -> answered, and not there afterwards', async () => {
    const { openai, provider } = product();
    provider.queue(answerText('said once'));
    const made = await openai.responses.create({ model: 'general', input: 'forget this', store: false });
    expect(made).toMatchObject({ status: 'completed', store: false, output_text: 'said once' });
    await expectRejection(openai.responses.retrieve(made.id), OpenAI.NotFoundError, { code: 'response.not-found' });
  });
});
