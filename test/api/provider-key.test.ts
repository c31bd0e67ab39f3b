/** Proven: which header is a provider key, what is refused, and that going on from such a turn asks for the key again. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LanguageModel, ModelRegistry } from '../../domain/ports/model.js';
import { createFakeModels, startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { createInMemoryCredentials } from '../support/in-memory-credentials.js';
import type { InMemoryCredentials } from '../support/in-memory-credentials.js';

const KEY = 'sk-of-the-caller-1234567890';
const open: ApiFixture[] = [];
afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
});

const models: ModelRegistry = {
  ...createFakeModels(),
  get: (name) => {
    const [provider = ''] = name.split('/');
    const info = createFakeModels()
      .list()
      .find((model) => model.name === name);
    const known =
      info === undefined ? null : { ...info, ...(provider === 'fake' ? { origin: 'https://fake.example' } : {}) };
    return known as LanguageModel | null;
  },
};

async function start(available = true): Promise<{ api: ApiFixture; credentials: InMemoryCredentials }> {
  const credentials = createInMemoryCredentials(available);
  const api = await startApi({ models, credentials });
  open.push(api);
  return { api, credentials };
}

const ask = (api: ApiFixture, headers: Record<string, string>, body: object = {}): ReturnType<ApiFixture['request']> =>
  api.request('POST', '/v1/responses', { model: 'general', input: 'hello', ...body }, headers);

describe('which header is a provider key', () => {
  it('X-Provider-Key -> sealed for the turn and the chosen origin, shown nowhere', async () => {
    const { api, credentials } = await start();
    const answer = await ask(api, { 'x-provider-key': KEY });
    expect(answer.status).toBe(200);
    expect([...credentials.sealed]).toEqual([[answer.json.id, { origin: 'https://fake.example', apiKey: KEY }]]);
    expect(answer.text).not.toContain(KEY);
    expect(api.lines.map((line) => JSON.stringify(line)).join()).not.toContain(KEY);
    expect(JSON.stringify(api.engine.started)).not.toContain(KEY);
  });

  it('Api-Key beside another header that says who calls -> the provider key', async () => {
    const { api, credentials } = await start();
    const { json } = await ask(api, { 'api-key': KEY });
    expect(credentials.sealed.get(json.id)?.apiKey).toBe(KEY);
  });

  it('Api-Key alone, or the same text twice -> says who calls, and is no provider key', async () => {
    const { api, credentials } = await start();
    const body = JSON.stringify({ model: 'general', input: 'hello' });
    const json = { 'content-type': 'application/json' };
    for (const headers of [{ 'api-key': api.key }, { 'api-key': api.key, authorization: `Bearer ${api.key}` }]) {
      const answer = await fetch(`${api.url}/v1/responses`, { method: 'POST', headers: { ...json, ...headers }, body });
      expect(answer.status).toBe(200);
    }
    expect(credentials.sealed.size).toBe(0);
  });

  it('chat completions -> the same', async () => {
    const { api, credentials } = await start();
    const body = { model: 'general', messages: [{ role: 'user', content: 'hello' }] };
    expect((await api.request('POST', '/v1/chat/completions', body, { 'x-provider-key': KEY })).status).toBe(200);
    expect([...credentials.sealed.values()].map(({ apiKey }) => apiKey)).toEqual([KEY]);
  });
});

describe('what is refused, before anything is accepted', () => {
  it.each(['short', 'with a space in it', 'x'.repeat(5000)])('%.20s -> 400 that does not repeat it', async (key) => {
    const { api } = await start();
    const answer = await ask(api, { 'x-provider-key': key });
    expect(answer.status).toBe(400);
    expect(answer.json.error).toMatchObject({ code: 'request.invalid', param: 'X-Provider-Key' });
    expect(answer.json.error.message).not.toContain(key);
    expect(api.engine.started).toEqual([]);
  });

  it('a model that calls no provider -> 400', async () => {
    const { api } = await start();
    const answer = await ask(api, { 'x-provider-key': KEY }, { model: 'demo/script' });
    expect(answer.json.error).toMatchObject({ code: 'request.invalid', param: 'X-Provider-Key' });
  });

  it('a server without a master key -> 503, not a turn on the server’s own key', async () => {
    const { api } = await start(false);
    const answer = await ask(api, { 'x-provider-key': KEY });
    expect([answer.status, answer.json.error.code]).toEqual([503, 'secrets.unavailable']);
    expect(api.engine.started).toEqual([]);
  });
});

describe('continue', () => {
  it('a turn with a key of its own: without the key -> credential.missing; with it -> sealed for the new turn', async () => {
    const { api, credentials } = await start();
    const first = await ask(api, { 'x-provider-key': KEY }, { input: 'limit' });
    expect(first.json.status).toBe('incomplete');
    const path = `/v1/responses/${first.json.id}/continue`;
    const without = await api.request('POST', path, {});
    expect([without.status, without.json.error.code]).toEqual([400, 'credential.missing']);
    const again = await api.request('POST', path, {}, { 'x-provider-key': KEY });
    expect(again.status).toBe(200);
    expect(credentials.sealed.has(again.json.id)).toBe(true);
    const fork = await api.request('POST', `/v1/responses/${first.json.id}/fork`, { step: 1, change: { input: 'x' } });
    expect([fork.status, fork.json.error.code]).toEqual([400, 'credential.missing']);
  });
});
