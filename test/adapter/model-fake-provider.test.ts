/**
 * Proves that the fake provider is a fair stand-in: the official client reads it on both wires, streamed and plain, without
 * our adapters in between; and that it can be scripted in a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answer, answerText } from '../support/fake-provider-script.js';
import { startFakeProvider } from '../support/fake-provider.js';
import type { FakeProvider } from '../support/fake-provider.js';

let provider: FakeProvider;
let client: OpenAI;
beforeAll(async () => {
  provider = await startFakeProvider({ models: ['fake-model', { id: 'other' }] });
  client = new OpenAI({ baseURL: provider.baseUrl, apiKey: 'x', maxRetries: 0 });
});
afterAll(() => provider.close());

const scripted = answer({
  text: 'hello there',
  reasoning: 'hm',
  toolCalls: [{ name: 'a', arguments: { x: 1 } }],
  chunkSize: 3,
});
const messages = [{ role: 'user' as const, content: 'hi' }];

describe('the official client', () => {
  it('chat completions: plain and streamed -> the same answer', async () => {
    provider.queue(scripted, scripted);
    const plain = await client.chat.completions.create({ model: 'fake-model', messages });
    const streamed = await client.chat.completions
      .stream({ model: 'fake-model', messages, stream_options: { include_usage: true } })
      .finalChatCompletion();
    for (const { choices, usage } of [plain, streamed]) {
      expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'hello there' } });
      expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'a', arguments: '{"x":1}' } });
      expect(usage?.total_tokens).toBeGreaterThan(0);
    }
  });

  it('responses: plain and streamed -> the same answer', async () => {
    provider.queue(scripted, scripted);
    const plain = await client.responses.create({ model: 'fake-model', input: 'hi' });
    const streamed = await client.responses.stream({ model: 'fake-model', input: 'hi' }).finalResponse();
    for (const response of [plain, streamed]) {
      expect(response.output.map((item) => item.type)).toEqual(['reasoning', 'message', 'function_call']);
      expect(response.output_text).toBe('hello there');
      expect(response.status).toBe('completed');
    }
  });

  it('models, and an echo where nothing is scripted', async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['fake-model', 'other']);
    const echoed = await client.responses.create({ model: 'm', input: 'are you there?' });
    expect(echoed.output_text).toBe('You said: are you there?');
  });
});

describe('in a process of its own', () => {
  it('prints its port, takes a script over HTTP, lists what it was asked, ends on SIGTERM', async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'test/support/fake-provider-main.ts', '0', 'always this'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    try {
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const url = `http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`;
      await fetch(`${url}/_script`, { method: 'POST', body: JSON.stringify({ replies: [answerText('once')] }) });
      const other = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x', maxRetries: 0 });
      const say = async (): Promise<string> => (await other.responses.create({ model: 'm', input: 'hi' })).output_text;
      expect([await say(), await say()]).toEqual(['once', 'always this']);
      expect(await (await fetch(`${url}/_requests`)).json()).toHaveLength(2);
    } finally {
      child.kill('SIGTERM');
    }
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
  });
});
