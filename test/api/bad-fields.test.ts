/** Each field of a request that is wrong gets its 4xx with code, param and remedy; the process stays up. */
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
const message = (content: unknown): object => ({ input: [{ role: 'user', content }] });

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
