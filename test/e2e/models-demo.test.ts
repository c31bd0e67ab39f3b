/** Without any provider: the scripted demo says what it is wherever one looks, and what it drives is real. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../support/client-calls.js';
import { expectOrderly } from '../support/event-order.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import { verifies } from './requirements.js';

const PAGE = `<!doctype html><html><head><title>Sea news</title></head><body><article><h1>Sea news</h1>
<p>The harbour of Gdynia was quiet on Tuesday, and no ship left before noon.</p></article></body></html>`;

const site = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8').end(PAGE);
});
let pageUrl = '';

describe('no provider', () => {
  const env: Record<string, string> = {};
  beforeAll(async () => {
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(site.address() as AddressInfo).port}`;
    pageUrl = `http://${address}/news`;
    env['TURNSTONE_EGRESS_ALLOW'] = address;
  });
  afterAll(() => site.close());
  const product = sharedProduct({ providers: () => '  []', env });

  it(verifies('demo.tools'), async () => {
    const { openai, process } = product();
    const listed = await collect(await openai.models.list());
    expect(listed.find((model) => model.id === 'demo/scripted')?.owned_by).toContain('scripted demo');
    expect(listed.find((model) => model.id === 'general')).toMatchObject({
      description: expect.stringContaining('scripted demo') as string,
    });
    const hello = await openai.responses.create({ model: 'general', input: 'Hello there' });
    expect(hello.output_text).toContain('This is a scripted demo, not a language model.');
    expect(process.screen()).toMatch(/scripted demo/);
    expect(process.log()).toMatch(/scripted demo/);

    const events = await collect(
      await openai.responses.create({ model: 'general', input: `read ${pageUrl}`, stream: true }),
    );
    const final = expectOrderly(events);
    expect(final.output.map((item) => item.type)).toEqual(['reasoning', 'web_search_call', 'reasoning', 'message']);
    expect(final.output[1]).toMatchObject({ status: 'completed', action: { type: 'open_page', url: pageUrl } });
    expect(answerOf(final)).toContain('no ship left before noon');
    expect(answerOf(final)).toContain('scripted demo');
    expect(events.map((event) => event.type as string)).toContain('turnstone:stage.started');
    expect(final.turnstone).toMatchObject({ answered_by: 'demo/scripted', cost_micros: 0, usage_estimated: true });
  });

  it('two pages at once, one of them closed: -> both calls run, the gate’s refusal is told', async () => {
    const { openai } = product();
    const input = `read ${pageUrl}\nread http://127.0.0.1:9/private`;
    const events = await collect(await openai.responses.create({ model: 'general', input, stream: true }));
    const final = expectOrderly(events);
    const calls = final.output.filter((item) => item.type === 'web_search_call');
    expect(calls.map((call) => call.status)).toEqual(['completed', 'failed']);
    expect(final.status).toBe('completed');
    expect(answerOf(final)).toContain('egress.blocked');
  });

  it('a function of the client and structured output: -> can be tried without a key', async () => {
    const { openai } = product();
    const tools = [{ type: 'function' as const, name: 'add', parameters: { type: 'object' }, strict: false }];
    const called = await openai.responses.create({ model: 'general', input: 'call add {"a": 1}', tools });
    const call = called.output.find((item) => item.type === 'function_call');
    expect(call).toMatchObject({ name: 'add', arguments: '{"a": 1}' });
    const answered = await openai.responses.create({
      model: 'general',
      previous_response_id: called.id,
      input: [{ type: 'function_call_output', call_id: call?.call_id ?? '', output: 'forty-two' }],
      tools,
    });
    expect(answered.output_text).toContain('forty-two');
    const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };
    const shaped = await openai.responses.create({
      model: 'general',
      input: 'shape it',
      text: { format: { type: 'json_schema', name: 'shape', schema } },
    });
    expect(JSON.parse(shaped.output_text)).toEqual({ ok: true });
  });
});
