/** Each kind of bad input gets its 4xx with code, param and remedy; the process stays up and nothing global changes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
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

interface Expected {
  readonly status: number;
  readonly code: string;
  readonly param?: string | null;
  /** Words of the message that say what to do. */
  readonly says: RegExp;
}

function expectError(answer: Answer, expected: Expected): void {
  expect({ status: answer.status, ...answer.json?.error }).toMatchObject({
    status: expected.status,
    code: expected.code,
    param: expected.param ?? null,
    type: expect.stringMatching(/_error$/) as string,
    request_id: answer.headers.get('x-request-id'),
  });
  expect(answer.json.error.message).toMatch(expected.says);
}

const create = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  api.request('POST', '/v1/responses', body, headers);
const invalid = (param: string | null, says: RegExp): Expected => ({
  status: 400,
  code: 'request.invalid',
  param,
  says,
});
const message = (content: unknown): object => ({ input: [{ role: 'user', content }] });

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

describe('fields of POST /v1/responses', () => {
  it.each<[string, unknown, string | null, RegExp]>([
    ['wrong type', { input: 5 }, 'input', /string/],
    ['wrong type inside', { input: 'a', temperature: 'hot' }, 'temperature', /number/],
    ['out of range', { input: 'a', temperature: 3 }, 'temperature', /<=2/],
    ['a list instead of an object', [], null, /object/],
    ['an unknown field', { input: 'a', temprature: 1 }, 'temprature', /Known fields: model, input/],
    ['an unknown field inside', { input: 'a', reasoning: { efort: 'low' } }, 'reasoning.efort', /Known fields: effort/],
    [
      'an unknown limit',
      { input: 'a', turnstone: { limits: { max_step: 3 } } },
      'turnstone.limits.max_step',
      /max_step/,
    ],
    [
      'a field this server does not have',
      { input: 'a', prompt: { id: 'p' } },
      'prompt',
      /not available on this server/,
    ],
    ['log probabilities', { input: 'a', top_logprobs: 3 }, 'top_logprobs', /not available/],
    ['no input', {}, 'input', /empty/],
    ['empty text', { input: '' }, 'input', /Send a text/],
    ['blank text', { input: ' \n ' }, 'input', /empty/],
    ['an empty list', { input: [] }, 'input', /empty/],
    ['a message without words', message(''), 'input', /empty/],
    ['an unknown role', { input: [{ role: 'robot', content: 'a' }] }, 'input[0].role', /user|assistant/],
    ['an unknown content type', message([{ type: 'input_video', url: 'x' }]), 'input[0].content[0]', /input_text/],
    ['an unknown item type', { input: [{ type: 'mcp_list_tools', id: 'x' }] }, 'input[0]', /function_call_output/],
    [
      'an unknown tool type',
      { input: 'a', tools: [{ type: 'mcp', server_url: 'http://x' }] },
      'tools[0].type',
      /Available: function/,
    ],
    ['file search', { input: 'a', tools: [{ type: 'file_search' }] }, 'tools[0].type', /not available on this server/],
    ['a function without a name', { input: 'a', tools: [{ type: 'function' }] }, 'tools[0].name', /string/],
    [
      'a misspelt function field',
      { input: 'a', tools: [{ type: 'function', name: 'f', params: {} }] },
      'tools[0].params',
      /Known fields/,
    ],
    [
      'a broken parameter schema',
      { input: 'a', tools: [{ type: 'function', name: 'f', parameters: { type: 'objekt' } }] },
      'tools[0].parameters',
      /JSON Schema/,
    ],
    [
      'two functions of one name',
      {
        input: 'a',
        tools: [
          { type: 'function', name: 'f' },
          { type: 'function', name: 'f' },
        ],
      },
      'tools',
      /own name/,
    ],
    [
      'a tool choice without its tool',
      { input: 'a', tool_choice: { type: 'function', name: 'nope' } },
      'tool_choice',
      /python/,
    ],
    ['required without tools', { model: 'writer', input: 'a', tool_choice: 'required' }, 'tool_choice', /no tools/],
    [
      'a hosted tool the agent lacks',
      { model: 'writer', input: 'a', tools: [{ type: 'code_interpreter' }] },
      'tools[0].type',
      /another agent/,
    ],
    [
      'a bad schema in text.format',
      { input: 'a', text: { format: { type: 'json_schema', name: 'x', schema: { type: 'banana' } } } },
      'text.format.schema',
      /Correct the schema/,
    ],
    [
      'a schema with a dangling reference',
      { input: 'a', text: { format: { type: 'json_schema', name: 'x', schema: { $ref: '#/$defs/no' } } } },
      'text.format.schema',
      /can't resolve reference/,
    ],
    [
      'a broken data URL',
      message([{ type: 'input_image', image_url: 'data:image/png;base64,@@@' }]),
      'input[0].content[0].image_url',
      /valid base64/,
    ],
    [
      'a data URL without base64',
      message([{ type: 'input_image', image_url: 'data:image/png,abc' }]),
      'input[0].content[0].image_url',
      /base64 data URL/,
    ],
    [
      'an image that is none',
      message([{ type: 'input_image', image_url: `data:image/png;base64,${btoa('<svg></svg>')}` }]),
      'input[0].content[0].image_url',
      /PNG, JPEG, GIF or WebP/,
    ],
    [
      'a file URL scheme',
      message([{ type: 'input_image', image_url: 'file:///etc/passwd' }]),
      'input[0].content[0].image_url',
      /http\(s\) URL/,
    ],
    [
      'a file without content',
      message([{ type: 'input_file', filename: 'a.txt' }]),
      'input[0].content[0].file_data',
      /file_data, file_url or file_id/,
    ],
    [
      'an output for no call',
      { input: [{ type: 'function_call_output', call_id: 'call_no', output: 'x' }] },
      'input[0].call_id',
      /previous_response_id or conversation/,
    ],
    [
      '17 pairs of metadata',
      { input: 'a', metadata: Object.fromEntries(Array.from({ length: 17 }, (_v, i) => [`k${i}`, 'v'])) },
      'metadata',
      /at most 16/,
    ],
  ])('%s -> 400 naming the field', async (_what, body, param, says) => {
    expectError(await create(body), invalid(param, says));
  });

  it('an inline file over 20 MB -> 413', async () => {
    const large = await startApi({ bodyLimitBytes: 40_000_000 });
    const data = `data:application/pdf;base64,${'A'.repeat(28_000_004)}`;
    const answer = await large.request('POST', '/v1/responses', message([{ type: 'input_file', file_data: data }]));
    await large.close();
    expectError(answer, {
      status: 413,
      code: 'request.too-large',
      param: 'input[0].content[0].file_data',
      says: /20971520 bytes/,
    });
  });

  it('an unknown model -> 404 with the known ones', async () => {
    expectError(await create({ model: 'gpt-99', input: 'a' }), {
      status: 404,
      code: 'model.not-found',
      param: 'model',
      says: /Known: general, writer/,
    });
  });

  it('an unknown file -> 404', async () => {
    const answer = await create(message([{ type: 'input_image', file_id: 'file_0' }]));
    expectError(answer, {
      status: 404,
      code: 'file.not-found',
      param: 'input[0].content[0].file_id',
      says: /Send the bytes/,
    });
  });

  it('a refused request leaves no file behind', async () => {
    const before = api.deps.files.count();
    const file = { type: 'input_file', file_data: btoa('hello'), filename: 'a.txt' };
    await create({
      input: [
        { role: 'user', content: [file] },
        { type: 'function_call_output', call_id: 'no', output: '' },
      ],
    });
    await create({ ...message([file]), conversation: 'conv_0' });
    expect(api.deps.files.count()).toBe(before);
  });
});

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
    expectError(answer, invalid('previous_response_id', /not in/));
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
    const [entry] = file.turns;
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
