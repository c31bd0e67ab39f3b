/**
 * Revocation of keys and users: within five seconds nothing opens, what is open ends and says why, and what runs stops.
 * Tenants: only the operator makes them, and each begins with one admin key.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { until } from '../support/until.js';

/** What is promised. */
const WITHIN_MS = 5_000;

const open: ApiFixture[] = [];
const start = async (): Promise<ApiFixture> => {
  const api = await startApi();
  open.push(api);
  return api;
};
afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
});

const as = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const newUser = async (api: ApiFixture, principal: string): Promise<{ id: string; key: string }> =>
  (await api.request('POST', '/v1/admin/keys', { name: principal, principal, scopes: ['write'] })).json;

interface OpenAnswers {
  /** Of a running response, begun by a reader who came later. */
  readonly stream: Promise<string>;
  /** Begun with the request itself, over either wire. */
  readonly own: Promise<string>;
  readonly chat: Promise<string>;
  /** A request that waits for its answer, over either wire. */
  readonly waiting: Promise<readonly Answer[]>;
  readonly id: string;
}

const WAIT = { input: 'wait' };
const CHAT_WAIT = { model: 'fake/model', messages: [{ role: 'user', content: 'wait' }] };

/** Everything of a user that can be open at once. */
async function openAnswers(api: ApiFixture, key: string): Promise<OpenAnswers> {
  const running = (await api.request('POST', '/v1/responses', { ...WAIT, background: true }, as(key))).json;
  const streamed = await fetch(`${api.url}/v1/responses/${running.id}?stream=true`, { headers: as(key) });
  expect(streamed.status).toBe(200);
  const begin = async (path: string, body: object): Promise<string> => {
    const headers = { ...as(key), 'content-type': 'application/json' };
    const response = await fetch(api.url + path, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ...body, stream: true }),
    });
    expect(response.status).toBe(200);
    return response.text();
  };
  const before = api.engine.started.length;
  const own = begin('/v1/responses', WAIT);
  const chat = begin('/v1/chat/completions', CHAT_WAIT);
  const waiting = Promise.all([
    api.request('POST', '/v1/responses', WAIT, as(key)),
    api.request('POST', '/v1/chat/completions', CHAT_WAIT, as(key)),
  ]);
  await until(async () => api.engine.started.length >= before + 4, 'the other turns to run');
  return { stream: streamed.text(), own, chat, waiting, id: running.id };
}

describe('revocation', () => {
  it('a key -> its open stream and its waiting request end within 5 s and say why; the turns go on', async () => {
    const api = await start();
    const { id: keyId, key } = await newUser(api, 'anna');
    const { stream, own, chat, waiting, id } = await openAnswers(api, key);
    const startedMs = performance.now();
    expect((await api.request('DELETE', `/v1/admin/keys/${keyId}`)).status).toBe(200);
    const [streams, answers] = await Promise.all([Promise.all([stream, own, chat]), waiting]);
    expect(performance.now() - startedMs).toBeLessThan(WITHIN_MS);
    for (const text of streams) expect(text).toContain('"code":"auth.invalid"');
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 401, json: { error: { code: 'auth.invalid' } } });
    expect((await api.request('GET', '/v1/models', undefined, as(key))).status).toBe(401);
    expect((await api.request('GET', `/v1/responses/${id}`)).json.status).toBe('in_progress');
  });

  it('a user -> all keys dead, streams ended, running responses cancelled within 5 s; taken back -> the keys work', async () => {
    const api = await start();
    const { key } = await newUser(api, 'anna');
    const second = await newUser(api, 'anna');
    const { stream, own, chat, waiting, id } = await openAnswers(api, key);
    const startedMs = performance.now();
    const revoked = await api.request('POST', '/v1/admin/users/anna/revoke');
    expect(revoked).toMatchObject({ status: 200, json: { id: 'anna', live_keys: 2, stopped_responses: 5 } });
    expect((revoked.json as unknown as { revoked_at: number }).revoked_at).toBeGreaterThan(0);
    await Promise.all([stream, own, chat, waiting]);
    for (const each of [key, second.key]) {
      await until(
        async () => (await api.request('GET', '/v1/models', undefined, as(each))).status === 401,
        'the key to be dead',
      );
    }
    expect((await api.request('GET', `/v1/responses/${id}`)).json.status).toBe('cancelled');
    expect(performance.now() - startedMs).toBeLessThan(WITHIN_MS);
    expect((await api.request('POST', '/v1/admin/users/anna/restore')).json).toMatchObject({ revoked_at: null });
    expect((await api.request('GET', '/v1/models', undefined, as(key))).status).toBe(200);
  });

  it('users: listed with their keys and revocations; oneself, unknown ones and another tenant’s -> refused', async () => {
    const api = await start();
    await newUser(api, 'anna');
    await api.request('POST', '/v1/admin/users/anna/revoke');
    const { data } = (await api.request('GET', '/v1/admin/users')).json;
    expect(data.map(({ id }) => id)).toEqual(['anna', 'tester']);
    const refused = async (principal: string): Promise<Answer> =>
      api.request('POST', `/v1/admin/users/${principal}/revoke`);
    expect(await refused('tester')).toMatchObject({ status: 400, json: { error: { param: 'principal' } } });
    expect(await refused('nobody')).toMatchObject({ status: 404, json: { error: { code: 'user.not-found' } } });
    const other = as(await api.newKey(['admin'], 'other'));
    const foreign = await api.request('POST', '/v1/admin/users/anna/restore', undefined, other);
    expect(foreign).toMatchObject({ status: 404, json: { error: { code: 'user.not-found' } } });
  });
});

describe('tenants', () => {
  it('made by the operator -> its admin key works in it, sees nothing of others, and makes no tenants', async () => {
    const api = await start();
    const made = await api.request('POST', '/v1/admin/tenants', { id: 'acme', name: 'Acme' });
    expect(made.status).toBe(201);
    const { key } = (made.json as unknown as { key: { key: string; principal: string } }).key;
    const conversation = (await api.request('POST', '/v1/conversations', {}, as(key))).json;
    expect((await api.request('GET', `/v1/conversations/${conversation.id}`)).status).toBe(404);
    expect((await api.request('GET', '/v1/admin/keys', undefined, as(key))).json.data).toHaveLength(1);
    const refused = await api.request('POST', '/v1/admin/tenants', { id: 'more', name: 'More' }, as(key));
    expect(refused).toMatchObject({ status: 403, json: { error: { code: 'auth.forbidden' } } });
    expect((await api.request('GET', '/v1/admin/tenants', undefined, as(key))).status).toBe(403);
    const listed = await api.request('GET', '/v1/admin/tenants');
    expect(listed.json.data.map(({ id }) => id)).toContain('acme');
    expect(listed.text).not.toContain(key);
    const again = await api.request('POST', '/v1/admin/tenants', { id: 'acme', name: 'Again' });
    expect(again).toMatchObject({ status: 409, json: { error: { code: 'tenant.exists' } } });
  });
});
