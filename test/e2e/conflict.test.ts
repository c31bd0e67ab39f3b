/** What a second message does while a turn runs, on the started product; and that a crash forgets and repeats none. */
import { describe, expect, it } from 'vitest';
import type { TurnEvent } from '../../domain/event.js';
import { itemText } from '../../domain/item.js';
import type { Item } from '../../domain/item.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import { answerText } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import type { StartedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const LONG = Array.from({ length: 120 }, (_, index) => `word${index}`).join(' ');
/** Slow enough to send something meanwhile, and to be cut in the middle: about 6 s in all. */
const slowly = { chunkSize: 8, delayMs: 50 };

async function aConversation(product: StartedProduct): Promise<string> {
  return ((await product.call('POST', '/v1/conversations', {})).json as { id: string }).id;
}

async function send(
  product: StartedProduct,
  conversation: string,
  input: string,
  on_conflict: string,
): Promise<string> {
  const body = { model: 'general', conversation, input, background: true, turnstone: { on_conflict } };
  const { status, json } = await product.call('POST', '/v1/responses', body);
  expect(status).toBe(200);
  return (json as ResponseResource).id;
}

/** A turn that is in the middle of its answer. @returns its id. */
async function inTheMiddle(product: StartedProduct, conversation: string): Promise<string> {
  let deltas = 0;
  const events = await product.stream('/v1/responses', {
    body: { model: 'general', conversation, input: 'first', stream: true },
    stop: (event: TurnEvent) => event.type === 'response.output_text.delta' && (deltas += 1) === 3,
  });
  const [created] = events;
  return created !== undefined && 'response' in created ? created.response.id : '';
}

const ended = (product: StartedProduct, id: string): Promise<unknown> =>
  until(async () => (await product.response(id)).completed_at !== null, `${id} has ended`, 60_000);

async function saidIn(product: StartedProduct, conversation: string): Promise<string[]> {
  const path = `/v1/conversations/${conversation}/items?order=asc&limit=100`;
  return ((await product.call('GET', path)).json as { data: Item[] }).data.map(itemText);
}

describe('a second message', () => {
  const first = sharedProduct();

  it(verifies('conflict.modes'), async () => {
    const product = first();
    const conversation = await aConversation(product);
    product.provider.queue(answerText(LONG, slowly), answerText('read it'), answerText('now'));
    const running = await inTheMiddle(product, conversation);
    const queued = await send(product, conversation, 'queued', 'queue');
    expect(await send(product, conversation, 'steered', 'steer')).toBe(running);
    expect(await product.response(queued)).toMatchObject({ status: 'queued', turnstone: { queue_position: 1 } });
    await ended(product, running);
    await ended(product, queued);
    expect(await saidIn(product, conversation)).toEqual(['first', LONG, 'steered', 'read it', 'queued', 'now']);

    product.provider.queue(answerText(LONG, slowly), answerText('at once'), answerText('later'));
    const stopped = await inTheMiddle(product, conversation);
    const patient = await send(product, conversation, 'patient', 'queue');
    const urgent = await send(product, conversation, 'urgent', 'interrupt');
    await ended(product, urgent);
    await ended(product, patient);
    const kept = await product.response(stopped);
    expect(kept.status).toBe('cancelled');
    expect(answerOf(kept).length).toBeGreaterThan(5);
    expect((await saidIn(product, conversation)).slice(6)).toEqual([
      'first',
      answerOf(kept),
      'urgent',
      'at once',
      'patient',
      'later',
    ]);
  });

  it(verifies('conflict.kill'), async () => {
    const crashed = first();
    const conversation = await aConversation(crashed);
    crashed.provider.queue(answerText(LONG, slowly));
    const running = await inTheMiddle(crashed, conversation);
    const one = await send(crashed, conversation, 'one', 'queue');
    const two = await send(crashed, conversation, 'two', 'queue');
    expect(await send(crashed, conversation, 'steered', 'steer')).toBe(running);
    await crashed.crash();
    crashed.provider.queue(...['again', 'answer one', 'answer two'].map((text) => answerText(text)));
    const requestsBefore = crashed.provider.requests.length;
    const product = await crashed.startAgain();
    const stream = product.stream(`/v1/responses/${two}?stream=true`);
    for (const id of [running, one, two]) await ended(product, id);
    // The attempt that the crash cut is made again, and reads what came meanwhile.
    expect(await saidIn(product, conversation)).toEqual([
      'first',
      'steered',
      'again',
      'one',
      'answer one',
      'two',
      'answer two',
    ]);
    expect(product.provider.requests).toHaveLength(requestsBefore + 3);
    const events = await stream;
    expect(events.filter((event) => /^response\.(completed|failed|incomplete)$/.test(event.type))).toHaveLength(1);
    const steers = (await product.call('GET', `/v1/responses/${running}/steers`)).json;
    expect(steers).toMatchObject({ data: [{ status: 'picked_up', response_id: running }] });
  });
});
