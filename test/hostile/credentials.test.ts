/**
 * Proves that guessing keys tells nothing and locks nobody out. Not by the clock (a difference of nanoseconds is not seen over a network and
 * a test of it is a coin), but by construction: what differs between two wrong keys is nothing the server does.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createInMemoryAccess } from '../support/in-memory-access.js';
import { createMemoryTables } from '../support/in-memory-stores-tables.js';
import { startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { countCases } from './case-count.js';
import { projectFiles, REPOSITORY_ROOT } from '../architecture/repository-files.js';

const open: ApiFixture[] = [];
afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
});

/** An API, and every question it asks its key store. */
async function watched(): Promise<{ api: ApiFixture; asked: string[] }> {
  const asked: string[] = [];
  const { apiKeys } = createInMemoryAccess(createMemoryTables());
  const api = await startApi({
    apiKeys: {
      ...apiKeys,
      findByHash: (hash) => {
        asked.push(hash);
        return apiKeys.findByHash(hash);
      },
    },
    rateLimit: { points: 1_000_000, durationSeconds: 60 },
  });
  open.push(api);
  return { api, asked };
}

const send = (api: ApiFixture, key: string): Promise<Answer> =>
  api.request('GET', '/v1/models', undefined, { authorization: `Bearer ${key}` });
/** All of an answer that does not differ by itself between two equal requests. */
const said = ({ status, headers, json }: Answer): unknown => [
  status,
  [...headers].filter(([name]) => !['date', 'x-request-id', 'traceparent'].includes(name)),
  { ...json.error, request_id: '' },
];

describe('two wrong keys', () => {
  it('unknown, nearly right, revoked: one question each, for a hash, and the same answer', async () => {
    const { api, asked } = await watched();
    const made = (await api.request('POST', '/v1/admin/keys', { name: 'x', scopes: ['read'] })).json;
    expect((await api.request('DELETE', `/v1/admin/keys/${made.id}`)).status).toBe(200);
    const last = api.key.endsWith('A') ? 'B' : 'A';
    const wrong = {
      unknown: `ts_${'0'.repeat(43)}`,
      'right but for its last character': api.key.slice(0, -1) + last,
      'right but for its first character': `x${api.key.slice(1)}`,
      'right, and more': `${api.key}A`,
      revoked: made.key,
    };
    const answers: unknown[] = [];
    for (const [name, key] of Object.entries(wrong)) {
      asked.length = 0;
      answers.push(said(await send(api, key)));
      expect(asked, name).toHaveLength(1);
      expect(asked[0], name).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    countCases({
      corpus: 'wrong keys of each kind',
      required: 'the same work, the same answer',
      payloads: answers.length,
    });
  });

  it('secrets are compared in constant time: no file that checks one compares it any other way', () => {
    const comparing = projectFiles().filter((path) => /^(?:api|adapters|activities|workers)\//.test(path));
    expect(comparing.length).toBeGreaterThan(100);
    const plain = comparing.flatMap((path) =>
      readFileSync(join(REPOSITORY_ROOT, path), 'utf8')
        .split('\n')
        .filter((line) =>
          /\b(?:\w*[tT]oken|mac|hmac|\w*[sS]ignature|\w*[sS]ecret|apiKey|keyHash|digest)\b\)? *[!=]==? (?!null|undefined|'|"|`|\d|typeof)/.test(
            line,
          ),
        )
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(plain).toEqual([]);
  });
});

/** Beyond what an address is allowed in the second of them. */
const PER_ROUND = 100;
const ROUNDS = 5;

describe('hundreds of guesses from one address', () => {
  it('the guesses are slowed down; known keys, new keys and keys of others behind the address work all the while', async () => {
    const { api } = await watched();
    const known = await api.newKey(['read']);
    expect((await send(api, known)).status).toBe(200);
    const guess = async (index: number): Promise<number> =>
      (await send(api, `ts_guess-${index}`.padEnd(46, '0'))).status;
    const statuses: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const guesses = Promise.all(Array.from({ length: PER_ROUND }, (_, index) => guess(round * PER_ROUND + index)));
      // While the guesses are on their way, from the same address: one that was used before, one that nobody has seen, one of another tenant.
      const fresh = [await api.newKey(['read']), await api.newKey(['read'], `tenant-${round}`)];
      const legitimate = await Promise.all([known, ...fresh].map((key) => send(api, key)));
      expect(legitimate.map(({ status }) => status)).toEqual([200, 200, 200]);
      statuses.push(...(await guesses));
    }
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(300);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    countCases({
      corpus: 'guessed keys from one address',
      required: 'slowed down, nobody locked out',
      payloads: statuses.length,
    });
  });

  it('somebody who knows the name of a key but not the key -> its owner is not counted', async () => {
    const { api } = await watched();
    const made = (await api.request('POST', '/v1/admin/keys', { name: 'victim', scopes: ['read'] })).json;
    const guesses = Array.from({ length: 300 }, (_, index) => made.key.slice(0, -6) + String(index).padStart(6, '0'));
    const ids = [made.id, `${made.id}${made.id}`];
    await Promise.all([...guesses, ...ids].map((key) => send(api, key)));
    const answer = await send(api, made.key);
    expect(answer.status).toBe(200);
    // The owner's own count has begun with this request.
    expect(answer.headers.get('ratelimit')).toContain(';r=999999;');
  });

  it('a slowed guess says when to come back, and nothing about the key', async () => {
    const { api } = await watched();
    await Promise.all(Array.from({ length: 200 }, (_, index) => send(api, `ts_guess-${index}`.padEnd(46, '0'))));
    const made = (await api.request('POST', '/v1/admin/keys', { name: 'x', scopes: ['read'] })).json;
    await api.request('DELETE', `/v1/admin/keys/${made.id}`);
    const [revoked, unknown] = [await send(api, made.key), await send(api, `ts_${'0'.repeat(43)}`)];
    expect(revoked.status).toBe(429);
    expect(revoked.json.error.message).toBe(unknown.json.error.message);
    expect(Number(revoked.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
