/**
 * Proves what the chat completions wire sends to a provider over HTTP: messages, tools, formats, names that differ between
 * providers, dialects, keys; one request per call, over connections that are kept.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelRequest } from '../../domain/ports/model.js';
import { FAKE_KEY, ask, asking, modelRequest, openModel } from '../support/fake-provider-models.js';
import { answerText, errorReply } from '../support/fake-provider-script.js';
import type { FakeReply } from '../support/fake-provider-script.js';
import { startFakeProvider } from '../support/fake-provider.js';
import type { FakeProvider, FakeRequest } from '../support/fake-provider.js';

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

/** What the provider saw of one request. */
async function sent(request: ModelRequest, settings = {}, reply: FakeReply = answerText('ok')): Promise<FakeRequest> {
  provider.queue(reply);
  const { error } = await ask(openModel(provider, settings), request);
  expect(error).toBeNull();
  return provider.requests.at(-1)!;
}

describe('what is sent', () => {
  it('a plain question -> only the fields that are needed', async () => {
    const { body, headers, path } = await sent(asking('hello'));
    expect(body).toEqual({
      model: 'fake-model',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(path).toBe('/v1/chat/completions');
    expect(headers.authorization).toBe(`Bearer ${FAKE_KEY}`);
  });

  it('every kind of message -> its wire form', async () => {
    const { body } = await sent(
      modelRequest({
        messages: [
          { role: 'system', text: 'be kind' },
          {
            role: 'user',
            parts: [
              { type: 'text', text: 'look \ud800' },
              { type: 'image', url: 'https://x/i.png', detail: 'auto' },
              { type: 'image', url: 'data:image/png;base64,AA', detail: 'low' },
              { type: 'file', filename: 'a.pdf', dataUrl: 'data:application/pdf;base64,AA' },
            ],
          },
          {
            role: 'assistant',
            text: '',
            toolCalls: [
              { callId: 'c1', name: 'a', arguments: '{"x":1}' },
              { callId: 'c2', name: 'b', arguments: '' },
              { callId: 'c3', name: 'b', arguments: '{"x":' },
            ],
          },
          { role: 'tool', callId: 'c1', text: 'one' },
          { role: 'assistant', text: 'done', toolCalls: [] },
        ],
      }),
    );
    const call = (id: string, name: string, args: string): object => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    });
    expect(body.messages).toEqual([
      { role: 'system', content: 'be kind' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'look \ufffd' },
          { type: 'image_url', image_url: { url: 'https://x/i.png' } },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          call('c1', 'a', '{"x":1}'),
          call('c2', 'b', '{}'),
          call('c3', 'b', '{"unparsed_arguments":"{\\"x\\":"}'),
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'one' },
      { role: 'assistant', content: 'done' },
    ]);
  });

  it('tools, choice, format, sampling and effort -> their fields; without tools none of the tool fields', async () => {
    const tools = [
      { name: 'a', description: 'A', parameters: { type: 'object' }, strict: true },
      { name: 'b', description: 'B', parameters: { type: 'object' }, strict: false },
    ];
    const schema = { type: 'object' };
    const full: Partial<ModelRequest> = {
      tools,
      toolChoice: { name: 'a' },
      parallelToolCalls: false,
      temperature: 0.5,
      topP: 0.9,
      maxOutputTokens: 100,
      textFormat: { type: 'json_schema', name: 's', schema, strict: true, description: 'd' },
      reasoningEffort: 'low',
      user: 'u-1',
    };
    const { body } = await sent(asking('x', full));
    expect(body).toMatchObject({
      tools: [
        { type: 'function', function: { name: 'a', description: 'A', parameters: { type: 'object' }, strict: true } },
        { type: 'function', function: { name: 'b', description: 'B', parameters: { type: 'object' } } },
      ],
      tool_choice: { type: 'function', function: { name: 'a' } },
      parallel_tool_calls: false,
      temperature: 0.5,
      top_p: 0.9,
      max_tokens: 100,
      response_format: { type: 'json_schema', json_schema: { name: 's', schema, strict: true, description: 'd' } },
      reasoning_effort: 'low',
      user: 'u-1',
    });
    const bare = (await sent(asking('x', { ...full, tools: [] }))).body;
    for (const field of ['tools', 'tool_choice', 'parallel_tool_calls']) expect(bare).not.toHaveProperty(field);
    expect((await sent(asking('x', { tools, toolChoice: 'required' }))).body).toMatchObject({
      tool_choice: 'required',
    });
    expect((await sent(asking('x', { textFormat: { type: 'json_object' } }))).body['response_format']).toEqual({
      type: 'json_object',
    });
  });

  it('quirks: set in the settings -> other names, or nothing', async () => {
    const request = asking('x', { maxOutputTokens: 5, user: 'u' });
    const quirks = { max_tokens_field: 'max_completion_tokens', user_field: 'safety_identifier', stream_usage: false };
    const { body } = await sent(request, { quirks });
    expect(body).toMatchObject({ max_completion_tokens: 5, safety_identifier: 'u' });
    for (const field of ['max_tokens', 'user', 'stream_options']) expect(body).not.toHaveProperty(field);
    expect((await sent(request, { quirks: { user_field: 'none' } })).body).not.toHaveProperty('user');
  });

  it('azure -> api-key header, deployment in the path, api-version; its own names for fields', async () => {
    const { body, headers, path } = await sent(asking('x', { maxOutputTokens: 5 }), {
      dialect: 'azure',
      base_url: provider.url,
      api_version: '2025-01-01',
    });
    expect(path).toBe('/openai/deployments/fake-model/chat/completions?api-version=2025-01-01');
    expect(headers['api-key']).toBe(FAKE_KEY);
    expect(headers.authorization).toBeUndefined();
    expect(body).toMatchObject({ max_completion_tokens: 5 });
    const undated = await sent(asking('x'), { dialect: 'azure', base_url: `${provider.url}/openai/v1` });
    expect(undated.path).toBe('/openai/v1/chat/completions');
  });

  it('dial -> Api-Key header, deployment in the path', async () => {
    const { headers, path } = await sent(asking('x'), { dialect: 'dial', base_url: `${provider.url}/` });
    expect(path).toBe('/openai/deployments/fake-model/chat/completions');
    expect(headers['api-key']).toBe(FAKE_KEY);
    expect(headers.authorization).toBeUndefined();
  });

  it('no key -> no authorization; own headers -> sent', async () => {
    const { headers } = await sent(asking('x'), { api_key: undefined, headers: { 'x-team': 'blue' } });
    expect(headers.authorization).toBeUndefined();
    expect(headers['x-team']).toBe('blue');
  });

  it('OPENAI_* variables of the process -> nothing of them reaches the provider', async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      OPENAI_ORG_ID: 'org-leak',
      OPENAI_PROJECT_ID: 'proj-leak',
      OPENAI_API_KEY: 'sk-leak',
    });
    try {
      const { headers } = await sent(asking('x'), { api_key: undefined });
      expect(JSON.stringify(headers)).not.toContain('leak');
    } finally {
      process.env = before;
    }
  });
});

describe('requests and connections', () => {
  it('one answer after the other -> connections are kept and used again', async () => {
    const model = openModel(provider);
    const from = provider.requests.length;
    for (let round = 0; round < 8; round += 1) await ask(model);
    // The next call may begin before the last bytes of the one before are in, so two take turns.
    expect(new Set(provider.requests.slice(from).map((request) => request.remotePort)).size).toBeLessThanOrEqual(2);
  });

  it('a failed call -> exactly one request: retries are not made here', async () => {
    const before = provider.requests.length;
    provider.queue(errorReply(500, 'broken'));
    await ask(openModel(provider));
    expect(provider.requests.length).toBe(before + 1);
  });
});
