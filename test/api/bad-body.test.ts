/** Bodies that are no JSON, too large, too deep or dangerous get their 4xx; the process stays up and nothing global changes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectError, invalid } from '../support/api-fakes-errors.js';
import { startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';

let api: ApiFixture;
const prototypeKeys = Object.getOwnPropertyNames(Object.prototype);

beforeAll(async () => {
  api = await startApi({ bodyLimitBytes: 12_000_000 });
});
afterAll(() => api.close());

afterEach(async () => {
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototypeKeys);
  expect((await api.request('GET', '/livez')).status).toBe(200);
});

const create = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  api.request('POST', '/v1/responses', body, headers);

describe('the body as text', () => {
  it.each([
    ['{"input": "a",}', /line 1, column 15 \(position 14\): expected a key/],
    ['{"input": "a"', /text ends where a comma or the closing bracket/],
    ['{\n "input": tru }', /line 2, column 11/],
    ['{"input": "a\u0001"}', /position 12/],
    ['"a" "b"', /expected the end of the text/],
  ])('malformed JSON %j -> 400 with the position', async (body, says) => {
    expectError(await create(body), { status: 400, code: 'request.malformed-json', says });
  });

  it('no JSON by its content type -> 415', async () => {
    const answer = await create('input=a', { 'content-type': 'application/x-www-form-urlencoded' });
    expectError(answer, { status: 415, code: 'request.unsupported-media-type', says: /Send application\/json/ });
  });

  it('invalid UTF-8 -> 400', async () => {
    const response = await fetch(`${api.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
      body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'request.malformed-json' } });
  });

  it('a body over the limit -> 413', async () => {
    expectError(await create({ input: 'x'.repeat(12_000_001) }), {
      status: 413,
      code: 'request.too-large',
      says: /larger than 12000000 bytes/,
    });
  });

  it('10 MB of input -> 400 naming input', async () => {
    expectError(await create({ input: 'x'.repeat(10_000_000) }), invalid('input', /4000000 characters|expected/));
  });

  it('a small body that inflates beyond the limit -> 413', async () => {
    const { gzipSync } = await import('node:zlib');
    const response = await fetch(`${api.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify({ input: 'x'.repeat(20_000_000) })),
    });
    expect(response.status).toBe(413);
  });

  it('100 000 levels deep -> 400, no stack overflow', async () => {
    const deep = `{"input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expectError(await create(deep), invalid(null, /deeper than 64 levels/));
  });

  it('200 000 fields -> 400', async () => {
    const fields = Object.fromEntries(Array.from({ length: 200_000 }, (_value, index) => [`k${index}`, 1]));
    expectError(await create({ metadata: fields }), invalid(null, /more than 100000 fields/));
  });

  it.each(['__proto__', 'constructor', 'prototype'])('the key %s -> 400, prototypes untouched', async (key) => {
    expectError(
      await create(`{"input":"a","metadata":{"${key}":{"polluted":true}}}`),
      invalid(`metadata.${key}`, /not accepted/),
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    [
      'a lone surrogate',
      '{"input":[{"role":"user","content":"a\\ud800b"}]}',
      'input[0].content',
      /well-formed Unicode/,
    ],
    ['U+0000', '{"instructions":"a\\u0000b","input":"x"}', 'instructions', /U\+0000/],
    ['a lone surrogate in a key', '{"input":"x","metadata":{"\\udfff":"v"}}', 'metadata.\udfff', /surrogate/],
  ])('%s -> 400 naming the path', async (_what, body, param, says) => {
    expectError(await create(body), invalid(param, says));
  });
});
