/** What survives what: lost clients, a killed server, a stop from elsewhere, an operator's hand. */
import { describe, expect, it } from 'vitest';
import type { TurnEvent } from '../../domain/event.js';
import { answerText, callTools } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct, shownText } from '../support/started-product.js';
import type { StartedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const LONG = Array.from({ length: 120 }, (_, index) => `word${index}`).join(' ');
/** Slow enough to be cut in the middle: about 6 s in all. */
const slowly = { chunkSize: 8, delayMs: 50 };

const isDelta = (event: TurnEvent): boolean => event.type === 'response.output_text.delta';
const idOf = (events: readonly TurnEvent[]): string => {
  const [first] = events;
  return first !== undefined && 'response' in first ? first.response.id : '';
};
const numbers = (events: readonly TurnEvent[]): number[] => events.map((event) => event.sequence_number);

/** Starts a streamed turn and leaves it after some deltas. */
async function startAndLeave(product: StartedProduct, body: object = {}): Promise<readonly TurnEvent[]> {
  let deltas = 0;
  return product.stream('/v1/responses', {
    body: { model: 'general', input: 'talk', stream: true, ...body },
    stop: (event) => isDelta(event) && (deltas += 1) === 5,
  });
}

describe('durability', () => {
  const first = sharedProduct();
  /** After a crash: the product that was started again on the same data folder. */
  let again: StartedProduct | null = null;
  const shared = (): StartedProduct => again ?? first();

  it(verifies('stream.resume'), async () => {
    const product = shared();
    const requestsBefore = product.provider.requests.length;
    product.provider.queue(answerText(LONG, slowly));
    const before = await startAndLeave(product);
    const last = before.at(-1)?.sequence_number ?? -1;
    const after = await product.stream(`/v1/responses/${idOf(before)}?stream=true&starting_after=${last}`);
    const all = [...before, ...after];
    expect(numbers(all)).toEqual(all.map((_event, index) => index));
    expect(shownText(all)).toBe(LONG);
    expect(after.at(-1)?.type).toBe('response.completed');
    const byHeader = await product.stream(`/v1/responses/${idOf(before)}?stream=true`, {
      headers: { 'last-event-id': String(last) },
    });
    expect(numbers(byHeader)).toEqual(numbers(after));
    expect(product.provider.requests).toHaveLength(requestsBefore + 1);
  });

  it(verifies('durable.kill'), async () => {
    const crashed = shared();
    crashed.provider.queue(answerText(LONG, slowly));
    const before = await startAndLeave(crashed);
    await crashed.crash();
    crashed.provider.queue(answerText(`again: ${LONG}`));
    const product = (again = await crashed.startAgain());
    const last = before.at(-1)?.sequence_number ?? -1;
    const after = await product.stream(`/v1/responses/${idOf(before)}?stream=true&starting_after=${last}`);
    expect(after.map((event) => event.type)).toContain('turnstone:step.reset');
    expect(numbers(after)).toEqual([...new Set(numbers(after))].sort((left, right) => left - right));
    expect(after.filter((event) => /^response\.(completed|failed|incomplete)$/.test(event.type))).toHaveLength(1);
    const stored = await product.response(idOf(before));
    expect(stored).toMatchObject({ status: 'completed' });
    expect(answerOf(stored)).toBe(`again: ${LONG}`);
    expect(shownText([...before, ...after])).toBe(`again: ${LONG}`);
  });

  it(verifies('durable.kill-tools'), async () => {
    const crashed = shared();
    const requestsBefore = crashed.provider.requests.length;
    crashed.provider.queue(
      callTools({ name: 'read_result', arguments: { id: 'tc_none' } }),
      answerText(LONG, slowly),
      answerText('after the crash'),
    );
    const before = await startAndLeave(crashed);
    await crashed.crash();
    const product = (again = await crashed.startAgain());
    const id = idOf(before);
    await until(async () => (await product.response(id)).status === 'completed', 'the turn is finished', 40_000);
    const stored = await product.response(id);
    expect(stored.output.map((item) => item.type)).toEqual(['turnstone:tool_call', 'message']);
    expect(answerOf(stored)).toBe('after the crash');
    // One call for the tool step, one that the crash cut, one that answered: the tool step was not asked again.
    expect(product.provider.requests).toHaveLength(requestsBefore + 3);
  });

  it(verifies('cancel.fast'), async () => {
    const product = shared();
    product.provider.queue(answerText(LONG, slowly));
    const before = await startAndLeave(product);
    const id = idOf(before);
    const request = await product.provider.waitForRequest(product.provider.requests.length);
    const askedMs = Date.now();
    const cancelled = product.openai.responses.cancel(id);
    const { by, atMs } = await request.closed;
    expect(by).toBe('client');
    expect(atMs - askedMs).toBeLessThan(1_000);
    expect((await cancelled).status).toBe('cancelled');
    const stored = await product.response(id);
    expect(stored.status).toBe('cancelled');
    const kept = answerOf(stored);
    expect(kept.length).toBeGreaterThan(10);
    expect(LONG.startsWith(kept)).toBe(true);
    const replay = await product.stream(`/v1/responses/${id}?stream=true`);
    expect(replay.filter((event) => /^response\.(completed|failed|incomplete)$/.test(event.type))).toHaveLength(1);
  });

  it(verifies('sweeper.terminated'), async () => {
    const product = shared();
    product.provider.queue(answerText(LONG, { chunkSize: 4, delayMs: 500 }));
    const before = await startAndLeave(product);
    const id = idOf(before);
    const temporal = await product.temporal();
    const terminatedMs = Date.now();
    await temporal.workflow.getHandle(`turn/default/${id}`).terminate('by an operator');
    await until(async () => (await product.response(id)).status !== 'in_progress', 'the turn is settled', 60_000);
    expect(Date.now() - terminatedMs).toBeLessThan(60_000);
    expect(await product.response(id)).toMatchObject({ status: 'failed', error: { code: 'turn.terminated' } });
  });
});
