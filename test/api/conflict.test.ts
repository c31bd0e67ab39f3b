/** Proven over HTTP: what a second message does while a turn runs, is the caller's choice; it is seen, and can be taken back. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResponseResource } from '../../domain/response-resource.js';
import type { SteerObject } from '../../api/projections/steer-object.js';
import { itemText } from '../../domain/item.js';
import { startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { expectOrderly } from '../support/event-order.js';
import { until } from '../support/until.js';

let api: ApiFixture;
beforeEach(async () => {
  api = await startApi();
});
afterEach(() => api.close());

const asResponse = (answer: Answer): ResponseResource => answer.json as unknown as ResponseResource;
const asSteer = (answer: Answer): SteerObject => answer.json as unknown as SteerObject;
const textOf = (response: ResponseResource): string => response.output.map(itemText).join('|');

async function aConversation(): Promise<string> {
  return (await api.request('POST', '/v1/conversations', {})).json.id;
}

interface Sent {
  readonly conversation?: string;
  readonly on_conflict?: string;
  readonly headers?: Record<string, string>;
  readonly more?: object;
}

function post(input: unknown, { conversation, on_conflict, headers = {}, more = {} }: Sent = {}): Promise<Answer> {
  const turnstone = on_conflict === undefined ? {} : { turnstone: { on_conflict } };
  const place = conversation === undefined ? {} : { conversation };
  return api.request('POST', '/v1/responses', { input, background: true, ...place, ...turnstone, ...more }, headers);
}

const get = async (id: string): Promise<ResponseResource> =>
  asResponse(await api.request('GET', `/v1/responses/${id}`));
const ended = (id: string): Promise<unknown> =>
  until(async () => (await get(id)).completed_at !== null, `${id} has ended`);

/** A turn that runs until it is released. */
async function running(conversation?: string): Promise<string> {
  const place = conversation === undefined ? {} : { conversation };
  const { id } = asResponse(await post('wait', place));
  await until(async () => api.engine.started.some((start) => start.input.turnId === id), 'the turn has begun');
  return id;
}

describe('on_conflict', () => {
  it('reject: 409, and the message says what else there is', async () => {
    const conversation = await aConversation();
    const id = await running(conversation);
    for (const on_conflict of ['reject', undefined]) {
      const answer = await post('second', { conversation, ...(on_conflict === undefined ? {} : { on_conflict }) });
      expect([answer.status, answer.json.error.code]).toEqual([409, 'conversation.busy']);
      expect(answer.json.error.message).toContain(id);
    }
    const unknown = await post('x', { conversation, on_conflict: 'shout' });
    expect([unknown.status, unknown.json.error.param]).toEqual([400, 'turnstone.on_conflict']);
  });

  it('queue: seen with its place, streams go live, all are answered in order', async () => {
    const conversation = await aConversation();
    const first = await running(conversation);
    const second = asResponse(await post('two', { conversation, on_conflict: 'queue' }));
    const third = asResponse(await post('three', { conversation, on_conflict: 'queue' }));
    expect([second, third].map(({ status, turnstone }) => [status, turnstone.queue_position])).toEqual([
      ['queued', 1],
      ['queued', 2],
    ]);
    const stream = await api.client().responses.retrieve(third.id, { stream: true });
    const events: object[] = [];
    const read = (async () => {
      for await (const event of stream) events.push(event);
    })();
    api.engine.release();
    await read;
    expect(expectOrderly(events)).toMatchObject({ id: third.id, status: 'completed' });
    expect(events.slice(0, 3)).toMatchObject([
      { type: 'response.created', response: { status: 'queued' } },
      { type: 'response.queued' },
      { type: 'response.in_progress' },
    ]);
    expect(await get(second.id)).toMatchObject({ status: 'completed', previous_response_id: first });
    expect(await get(third.id)).toMatchObject({ previous_response_id: second.id });
  });

  it('queue: a caller who waits for the answer -> gets it when its turn has come and gone', async () => {
    const conversation = await aConversation();
    await running(conversation);
    const waiting = post('two', { conversation, on_conflict: 'queue', more: { background: false } });
    await until(async () => api.lines.some((line) => line.message === 'turn queued'), 'it waits');
    api.engine.release();
    expect(asResponse(await waiting)).toMatchObject({ status: 'completed' });
  });

  it('queue: cancelled before its turn -> never runs, its stream ends once; the others go on', async () => {
    const conversation = await aConversation();
    await running(conversation);
    const second = asResponse(await post('two', { conversation, on_conflict: 'queue' }));
    const third = asResponse(await post('three', { conversation, on_conflict: 'queue' }));
    const stream = await api.client().responses.retrieve(second.id, { stream: true });
    const cancelled = await api.request('POST', `/v1/responses/${second.id}/cancel`);
    expect(asResponse(cancelled)).toMatchObject({ status: 'cancelled', output: [] });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    expect(types).toEqual(['response.created', 'response.queued', 'response.incomplete']);
    expect((await get(third.id)).turnstone.queue_position).toBe(1);
    api.engine.release();
    await ended(third.id);
    expect(api.engine.started.map((start) => start.input.turnId)).not.toContain(second.id);
  });

  it('queue: a bound -> 429 with what to do; the same Idempotency-Key -> the same turn', async () => {
    const conversation = await aConversation();
    await running(conversation);
    const headers = { 'idempotency-key': 'once' };
    const [one, again] = [
      await post('two', { conversation, on_conflict: 'queue', headers }),
      await post('two', { conversation, on_conflict: 'queue', headers }),
    ];
    expect(again.json.id).toBe(one.json.id);
    const answers: Answer[] = [];
    for (let sent = 0; sent < 20; sent += 1) answers.push(await post('more', { conversation, on_conflict: 'queue' }));
    expect(answers.slice(0, 19).map(({ status }) => status)).toEqual(Array.from({ length: 19 }, () => 200));
    expect([answers[19]?.status, answers[19]?.json.error.code]).toEqual([429, 'conversation.queue-full']);
    const remove = await api.request('DELETE', `/v1/conversations/${conversation}`);
    expect([remove.status, remove.json.error.code]).toEqual([409, 'conversation.busy']);
  });

  it('interrupt: stops what runs, keeps what it had written, and runs before those that wait', async () => {
    const conversation = await aConversation();
    const first = await running(conversation);
    const patient = asResponse(await post('patient', { conversation, on_conflict: 'queue' }));
    const now = asResponse(await post('now', { conversation, on_conflict: 'interrupt' }));
    await ended(now.id);
    await ended(patient.id);
    const stopped = await get(first);
    expect(stopped.status).toBe('cancelled');
    expect(textOf(stopped)).not.toBe('');
    expect(await get(now.id)).toMatchObject({ status: 'completed', previous_response_id: first });
    expect(await get(patient.id)).toMatchObject({ previous_response_id: now.id });
  });

  it('steer: answered with the running response, which reads it in place', async () => {
    const conversation = await aConversation();
    const first = await running(conversation);
    const answer = await post('and this', { conversation, on_conflict: 'steer' });
    expect(answer.json.id).toBe(first);
    const steerId = answer.headers.get('turnstone-steer-id') ?? '';
    const listed = await api.request('GET', `/v1/responses/${first}/steers`);
    expect(listed.json.data).toMatchObject([{ id: steerId, status: 'pending', response_id: first, step: null }]);
    const stream = await api.client().responses.retrieve(first, { stream: true });
    api.engine.release();
    const events: { type: string }[] = [];
    for await (const event of stream) events.push(event);
    expect(textOf(expectOrderly(events))).toContain('read: and this');
    const at = events.findIndex(({ type }) => type === 'turnstone:steer.picked_up');
    expect(events[at]).toMatchObject({ steer_id: steerId, step: 2, before_output_index: 1 });
    const items = await api.request('GET', `/v1/conversations/${conversation}/items?order=asc`);
    expect((items.json.data as unknown as Parameters<typeof itemText>[0][]).map(itemText)).toEqual([
      'wait',
      expect.any(String),
      'and this',
      'read: and this',
    ]);
  });

  it('steer: nothing runs -> a turn of its own; anything but words of the user -> refused', async () => {
    const conversation = await aConversation();
    const own = await post('hello', { conversation, on_conflict: 'steer' });
    expect(own.headers.get('turnstone-steer-id')).toBeNull();
    await ended(own.json.id);
    const developer = [{ role: 'developer', content: 'Obey.' }];
    const refused = await post(developer, { conversation, on_conflict: 'steer' });
    expect([refused.status, refused.json.error.param]).toEqual([400, 'input[0]']);
  });
});

describe('/v1/responses/{id}/steer', () => {
  const steer = async (id: string, input: unknown, headers = {}): Promise<Answer> =>
    api.request('POST', `/v1/responses/${id}/steer`, { input }, headers);

  it('a running turn, in a conversation or not: waits, is taken back before it is read, not after', async () => {
    const id = await running();
    const first = asSteer(await steer(id, 'one', { 'idempotency-key': 'k' }));
    expect(asSteer(await steer(id, 'one', { 'idempotency-key': 'k' }))).toEqual(first);
    expect(first).toMatchObject({ object: 'response.steer', status: 'pending', response_id: id, sent_to: id });
    const second = asSteer(await steer(id, 'two'));
    const taken = await api.request('DELETE', `/v1/responses/${id}/steers/${second.id}`);
    expect(asSteer(taken)).toMatchObject({ status: 'cancelled' });
    api.engine.release();
    await ended(id);
    expect(textOf(await get(id))).toContain('read: one');
    expect(textOf(await get(id))).not.toContain('two');
    const late = await api.request('DELETE', `/v1/responses/${id}/steers/${first.id}`);
    expect([late.status, late.json.error.code]).toEqual([409, 'steer.picked-up']);
    const list = await api.request('GET', `/v1/responses/${id}/steers`);
    expect(list.json.data.map(({ status }) => status)).toEqual(['picked_up', 'cancelled']);
  });

  it('a turn that has ended: the message becomes a response of its own, once', async () => {
    const { id } = asResponse(await post('hello'));
    await ended(id);
    const late = asSteer(await steer(id, 'too late', { 'idempotency-key': 'k' }));
    expect(late).toMatchObject({ id: null, status: 'moved', sent_to: id });
    expect(asSteer(await steer(id, 'too late', { 'idempotency-key': 'k' })).response_id).toBe(late.response_id);
    await ended(late.response_id);
    expect(await get(late.response_id)).toMatchObject({ status: 'completed', previous_response_id: id });
  });

  it('a turn that is cancelled with messages left: they become a response of its own', async () => {
    const id = await running();
    const sent = asSteer(await steer(id, 'left over'));
    await api.request('POST', `/v1/responses/${id}/cancel`);
    const [listed] = (await api.request('GET', `/v1/responses/${id}/steers`)).json.data as unknown as SteerObject[];
    expect(listed).toMatchObject({ id: sent.id, status: 'moved' });
    await ended(listed?.response_id ?? '');
    expect(await get(listed?.response_id ?? '')).toMatchObject({ status: 'completed', previous_response_id: id });
  });

  it('bad requests: nothing said, a turn that waits, unknown ids', async () => {
    const conversation = await aConversation();
    const id = await running(conversation);
    const queued = asResponse(await post('two', { conversation, on_conflict: 'queue' }));
    expect((await steer(id, '')).json.error).toMatchObject({ code: 'request.invalid', param: 'input' });
    expect((await steer(queued.id, 'x')).json.error.code).toBe('response.not-steerable');
    expect((await steer('resp_none', 'x')).status).toBe(404);
    for (const steerId of ['steer_none', 'x']) {
      const missing = await api.request('DELETE', `/v1/responses/${id}/steers/${steerId}`);
      expect([missing.status, missing.json.error.code]).toEqual([404, 'steer.not-found']);
    }
  });
});
