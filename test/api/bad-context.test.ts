/** What a request refers to and cannot: other turns, other tenants, numbers, keys and routes that are not there. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectError, invalid } from '../support/api-fakes-errors.js';
import { startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';

let api: ApiFixture;
const prototypeKeys = Object.getOwnPropertyNames(Object.prototype);

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

afterEach(async () => {
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototypeKeys);
  expect((await api.request('GET', '/livez')).status).toBe(200);
});

const create = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  api.request('POST', '/v1/responses', body, headers);

describe('what a turn continues from', () => {
  it.each([
    ['previous_response_id', { input: 'a', previous_response_id: 'resp_0' }, 'response.not-found'],
    ['previous_response_id', { input: 'a', previous_response_id: '../etc' }, 'response.not-found'],
    ['conversation', { input: 'a', conversation: 'conv_0' }, 'conversation.not-found'],
    ['conversation', { input: 'a', conversation: { id: 'nonsense' } }, 'conversation.not-found'],
  ])('an unknown %s -> 404', async (param, body, code) => {
    expectError(await create(body), { status: 404, code, param, says: /no (response|conversation)/i });
  });

  it("another tenant's ids -> 404, the same as unknown ones", async () => {
    const other = await api.newKey(['write'], 'rival');
    const mine = (await create({ input: 'secret' })).json;
    const conversation = (await api.request('POST', '/v1/conversations', { title: 'mine' })).json;
    const asOther = { authorization: `Bearer ${other}` };
    const paths: [string, string, unknown][] = [
      ['GET', `/v1/responses/${mine.id}`, undefined],
      ['GET', `/v1/responses/${mine.id}?stream=true`, undefined],
      ['GET', `/v1/responses/${mine.id}/input_items`, undefined],
      ['POST', `/v1/responses/${mine.id}/cancel`, undefined],
      ['POST', `/v1/responses/${mine.id}/continue`, {}],
      ['DELETE', `/v1/responses/${mine.id}`, undefined],
      ['POST', '/v1/responses', { input: 'a', previous_response_id: mine.id }],
      ['POST', '/v1/responses', { input: 'a', conversation: conversation.id }],
      ['GET', `/v1/conversations/${conversation.id}`, undefined],
      ['GET', `/v1/conversations/${conversation.id}/items`, undefined],
      ['GET', `/v1/conversations/${conversation.id}/export`, undefined],
      ['POST', `/v1/conversations/${conversation.id}`, { title: 'stolen' }],
      ['POST', `/v1/conversations/${conversation.id}/archive`, {}],
      ['DELETE', `/v1/conversations/${conversation.id}`, undefined],
    ];
    for (const [method, path, body] of paths) {
      const answer = await api.request(method, path, body, asOther);
      expect(`${method} ${path}: ${answer.status}`).toBe(`${method} ${path}: 404`);
      expect(answer.text).not.toContain('secret');
    }
    expect((await api.request('GET', `/v1/responses/${mine.id}`)).status).toBe(200);
  });

  it('a conversation together with a response of another -> 400', async () => {
    const conversation = (await api.request('POST', '/v1/conversations', {})).json;
    const elsewhere = (await create({ input: 'a' })).json;
    const answer = await create({ input: 'b', conversation: conversation.id, previous_response_id: elsewhere.id });
    expectError(answer, invalid('previous_response_id', /does not belong to conversation/));
  });

  it('a response that still runs -> 409', async () => {
    const running = (await create({ input: 'wait', background: true })).json;
    const answer = await create({ input: 'b', previous_response_id: running.id });
    expectError(answer, {
      status: 409,
      code: 'response.still-running',
      param: 'previous_response_id',
      says: /not ended/,
    });
    const deleted = await api.request('DELETE', `/v1/responses/${running.id}`);
    expectError(deleted, { status: 409, code: 'response.still-running', says: /Cancel it/ });
    await api.request('POST', `/v1/responses/${running.id}/cancel`);
  });

  it('a second message into a running conversation -> 409', async () => {
    const conversation = (await api.request('POST', '/v1/conversations', {})).json;
    const running = (await create({ input: 'wait', background: true, conversation: conversation.id })).json;
    expectError(await create({ input: 'b', conversation: conversation.id }), {
      status: 409,
      code: 'conversation.busy',
      says: /still running/,
    });
    await api.request('POST', `/v1/responses/${running.id}/cancel`);
  });

  it('a cycle or an unknown parent in an import -> 400', async () => {
    const conversation = (await api.request('POST', '/v1/conversations', {})).json;
    await create({ input: 'a', conversation: conversation.id });
    const file = (await api.request('GET', `/v1/conversations/${conversation.id}/export`)).json;
    const entry = file.turns[0]!;
    const looped = { ...file, turns: [{ ...entry, turn: { ...entry.turn, parentId: entry.turn.id } }] };
    expectError(
      await api.request('POST', '/v1/conversations/import', looped),
      invalid('turns[0].turn.parentId', /own ancestor/),
    );
    const orphan = { ...file, turns: [{ ...entry, turn: { ...entry.turn, parentId: 'resp_0' } }] };
    expectError(
      await api.request('POST', '/v1/conversations/import', orphan),
      invalid('turns[0].turn.parentId', /not in the import/),
    );
  });
});

describe('streams and idempotency', () => {
  it('starting_after beyond the end -> 400 with the last number', async () => {
    const response = (await create({ input: 'a' })).json;
    const answer = await api.request('GET', `/v1/responses/${response.id}?stream=true&starting_after=9999`);
    expectError(answer, invalid('starting_after', /last event of this response is \d+/));
  });

  it.each(['-1', 'abc', '1.5'])('starting_after=%s -> 400', async (value) => {
    const response = (await create({ input: 'a' })).json;
    const answer = await api.request('GET', `/v1/responses/${response.id}?stream=true&starting_after=${value}`);
    expectError(answer, invalid('starting_after', /starting_after/));
  });

  it('the same Idempotency-Key: same body, same response; another body -> 409', async () => {
    const headers = { 'idempotency-key': 'key-1' };
    const first = (await create({ input: 'a', temperature: 1 }, headers)).json;
    expect((await create({ temperature: 1, input: 'a' }, headers)).json).toEqual(first);
    expectError(await create({ input: 'b' }, headers), {
      status: 409,
      code: 'request.idempotency-mismatch',
      says: /use a new key/,
    });
  });

  it('an Idempotency-Key that is too long -> 400', async () => {
    expectError(
      await create({ input: 'a' }, { 'idempotency-key': 'k'.repeat(256) }),
      invalid('Idempotency-Key', /1 to 255/),
    );
  });
});

describe('routes', () => {
  it('an unknown route -> 404; an unknown method -> 405 with Allow', async () => {
    expectError(await api.request('GET', '/v1/nothing'), {
      status: 404,
      code: 'request.not-found',
      says: /openapi\.json/,
    });
    const answer = await api.request('PUT', '/v1/responses', { input: 'a' });
    expectError(answer, { status: 405, code: 'request.method-not-allowed', says: /Possible: POST/ });
    expect(answer.headers.get('allow')).toBe('POST');
  });

  it('a URL that cannot be decoded -> 400', async () => {
    expectError(await api.request('GET', '/v1/responses/%E0%A4%A'), invalid(null, /cannot be decoded/));
  });

  it('a page of the wrong size -> 400', async () => {
    expectError(await api.request('GET', '/v1/conversations?limit=0'), invalid('limit', />=1/));
  });

  it('chat completions: complaints name the fields of the chat format', async () => {
    const chat = (body: object): Promise<Answer> => api.request('POST', '/v1/chat/completions', body);
    expectError(await chat({ messages: [] }), invalid('messages', />=1/));
    expectError(await chat({ messages: [{ role: 'user', content: 'a' }], n: 2 }), invalid('n', /one choice/));
    expectError(
      await chat({ messages: [{ role: 'user', content: 'a' }], stop: ['x'] }),
      invalid('stop', /stop sequences/),
    );
    expectError(
      await chat({
        messages: [
          { role: 'user', content: 'a' },
          { role: 'tool', tool_call_id: 'no', content: 'x' },
        ],
      }),
      invalid('messages[1].tool_call_id', /'messages\[1\]\.tool_call_id'/),
    );
    expectError(
      await chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'ftp://x' } }] }] }),
      invalid('messages[0].content[0].image_url.url', /http\(s\)/),
    );
  });
});
