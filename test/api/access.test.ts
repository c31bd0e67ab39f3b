/** Who may do what: keys, scopes, rates, draining; and what each answer carries in its headers and log. */
import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../../domain/failures.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { until } from '../support/until.js';

const open: ApiFixture[] = [];
const start = async (changes: Parameters<typeof startApi>[0] = {}): Promise<ApiFixture> => {
  const api = await startApi(changes);
  open.push(api);
  return api;
};
afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
});

describe('API keys', () => {
  it.each(['authorization', 'x-api-key', 'api-key'])('sent as %s -> taken', async (header) => {
    const api = await start();
    const value = header === 'authorization' ? `Bearer ${api.key}` : api.key;
    expect((await fetch(`${api.url}/v1/models`, { headers: { [header]: value } })).status).toBe(200);
  });

  it('none, a wrong, an expired, a revoked one -> 401 that looks the same', async () => {
    const api = await start();
    const none = await fetch(`${api.url}/v1/models`);
    expect(none.headers.get('www-authenticate')).toContain('Bearer');
    expect(await none.json()).toMatchObject({ error: { code: 'auth.missing', type: 'authentication_error' } });
    const past = Math.floor(Date.now() / 1000) - 10;
    const refused = await api.request('POST', '/v1/admin/keys', { name: 'old', expires_at: past });
    expect(refused.json.error).toMatchObject({ code: 'request.invalid', param: 'expires_at' });
    const made = (await api.request('POST', '/v1/admin/keys', { name: 'gone' })).json;
    await api.request('DELETE', `/v1/admin/keys/${made.id}`);
    const bodies = [];
    for (const key of [made.key, 'ts_unknown-unknown-unknown', 'short', 'ö'.repeat(20)]) {
      const answer = await fetch(`${api.url}/v1/models`, {
        headers: { 'x-api-key': encodeURIComponent(key) },
      });
      expect(answer.status).toBe(401);
      const { error } = (await answer.json()) as { error: { message: string; request_id: string } };
      bodies.push({ ...error, request_id: '' });
    }
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  it('made by an admin: shown once, listed without the key, revoked within the cache time', async () => {
    const api = await start();
    const made = await api.request('POST', '/v1/admin/keys', { name: 'laptop', scopes: ['read'], principal: 'anna' });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      name: 'laptop',
      principal: 'anna',
      scopes: ['read'],
      key: expect.stringMatching(/^ts_[\w-]{43}$/) as string,
    });
    const list = await api.request('GET', '/v1/admin/keys');
    expect(list.text).not.toContain(made.json.key);
    expect(list.json.data).toHaveLength(2);
    expect(
      (await api.request('GET', '/v1/models', undefined, { authorization: `Bearer ${made.json.key}` })).status,
    ).toBe(200);
    expect((await api.request('DELETE', '/v1/admin/keys/key_0')).status).toBe(404);
  });

  it('a scope that is missing -> 403 that names it', async () => {
    const api = await start();
    const reader = { authorization: `Bearer ${await api.newKey(['read'])}` };
    const writer = { authorization: `Bearer ${await api.newKey(['write'])}` };
    expect((await api.request('GET', '/v1/models', undefined, reader)).status).toBe(200);
    const refused = await api.request('POST', '/v1/responses', { input: 'a' }, reader);
    expect(refused).toMatchObject({
      status: 403,
      json: { error: { code: 'auth.forbidden', type: 'permission_error' } },
    });
    expect(refused.json.error.message).toContain("'write'");
    expect((await api.request('POST', '/v1/responses', { input: 'a' }, writer)).status).toBe(200);
    expect((await api.request('GET', '/v1/admin/keys', undefined, writer)).status).toBe(403);
  });

  it('the log never holds a key', async () => {
    const api = await start();
    const made = (await api.request('POST', '/v1/admin/keys', { name: 'x' })).json;
    await api.request('GET', '/v1/models', undefined, { authorization: `Bearer ${made.key}` });
    expect(JSON.stringify(api.lines)).not.toContain(made.key);
  });
});

describe('rates', () => {
  it('headers count down; over the limit -> 429 with Retry-After, for that key alone', async () => {
    const api = await start({ rateLimit: { points: 2, durationSeconds: 60 } });
    const first = await api.request('GET', '/v1/models');
    expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=2;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=1;t=\d+$/);
    await api.request('GET', '/v1/models');
    const third = await api.request('GET', '/v1/models');
    expect(third).toMatchObject({
      status: 429,
      json: { error: { code: 'request.rate-limited', type: 'rate_limit_error' } },
    });
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    const other = { authorization: `Bearer ${await api.newKey(['read'])}` };
    expect((await api.request('GET', '/v1/models', undefined, other)).status).toBe(200);
  });

  it('more open streams than a key may hold -> 429; a closed one makes room', async () => {
    const api = await start({ maxStreamsPerKey: 1 });
    const running = (await api.request('POST', '/v1/responses', { input: 'wait', background: true })).json;
    const path = `/v1/responses/${running.id}?stream=true`;
    const stop = new AbortController();
    const held = await fetch(api.url + path, { headers: { authorization: `Bearer ${api.key}` }, signal: stop.signal });
    expect(held.status).toBe(200);
    expect((await api.request('GET', path)).status).toBe(429);
    stop.abort();
    const poll = async (): Promise<boolean> => {
      const probe = new AbortController();
      const { status } = await fetch(api.url + path, {
        headers: { authorization: `Bearer ${api.key}` },
        signal: probe.signal,
      });
      probe.abort();
      return status === 200;
    };
    await until(poll, 'room for another stream');
  });
});

describe('draining', () => {
  it('new work -> 503 with Retry-After; reading and liveness go on, readiness does not', async () => {
    const api = await start();
    const stored = (await api.request('POST', '/v1/responses', { input: 'a' })).json;
    api.drain();
    const refused = await api.request('POST', '/v1/responses', { input: 'b' });
    expect(refused).toMatchObject({ status: 503, json: { error: { code: 'server.draining' } } });
    expect(refused.headers.get('retry-after')).toBe('2');
    expect((await api.request('GET', `/v1/responses/${stored.id}`)).status).toBe(200);
    expect((await api.request('GET', '/livez')).status).toBe(200);
    expect((await api.request('GET', '/readyz')).status).toBe(503);
  });
});

describe('each answer', () => {
  it('carries the request id and traceparent it was sent, and replaces an id that could forge a log line', async () => {
    const api = await start();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await api.request('GET', '/v1/models', undefined, { 'x-request-id': 'mine-1', traceparent });
    expect(answer.headers.get('x-request-id')).toBe('mine-1');
    expect(answer.headers.get('traceparent')).toBe(traceparent);
    const forged = await api.request('GET', '/v1/models', undefined, { 'x-request-id': 'a b "c"' });
    expect(forged.headers.get('x-request-id')).toMatch(/^req_/);
    const line = await until(
      () => api.lines.find((candidate) => candidate.fields['requestId'] === 'mine-1'),
      'the request line',
    );
    expect(line).toMatchObject({
      message: 'request',
      fields: {
        route: '/v1/models',
        method: 'GET',
        status: 200,
        tenantId: 'default',
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      },
    });
  });

  it('has no hint of its software and a policy that embeds nothing', async () => {
    const api = await start();
    const { headers } = await api.request('GET', '/v1/models');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
  });

  it('of an unexpected error: 500 with the request id; the cause is in the log alone', async () => {
    const health = (): Promise<never> => Promise.reject(new Error('password=hunter2'));
    const api = await start({ health });
    const answer = await api.request('GET', '/healthz');
    expect(answer).toMatchObject({
      status: 500,
      json: { error: { code: 'server.internal', request_id: answer.headers.get('x-request-id') } },
    });
    expect(answer.text).not.toContain('hunter2');
    const line = api.lines.find((candidate) => candidate.level === 'error');
    expect((line?.fields['err'] as Error).cause).toMatchObject({ message: 'password=hunter2' });
  });

  it('of a database that is away: 503 with Retry-After', async () => {
    const health = (): Promise<never> =>
      Promise.reject(failure('store.unavailable', 'The database cannot be reached.', { retryAfterMs: 4500 }));
    const api = await start({ health });
    const answer = await api.request('GET', '/healthz');
    expect(answer).toMatchObject({ status: 503, json: { error: { code: 'store.unavailable' } } });
    expect(answer.headers.get('retry-after')).toBe('5');
  });
});

describe('health and metrics', () => {
  it('say what they know, without a key', async () => {
    const api = await start();
    expect(await (await fetch(`${api.url}/healthz`)).json()).toEqual({
      state: 'ok',
      version: '0.0.0-test',
      components: { database: { state: 'ok', latency_ms: 1.5 } },
    });
    expect(await (await fetch(`${api.url}/metrics`)).text()).toBe('turnstone_up 1\n');
    const down = await start({ health: async () => ({ state: 'down', components: {} }) });
    expect((await fetch(`${down.url}/readyz`)).status).toBe(503);
  });
});
