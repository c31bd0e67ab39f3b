/**
 * Proves over many made-up inputs what the corpora prove over known ones: bodies that were valid once, headers, credentials and texts that
 * look like the framing of a stream. No 5xx, no other shape of error, nothing global changed, no event that nobody wrote.
 */
import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from '../support/api-fakes.js';
import type { AnswerBody, ApiFixture } from '../support/api-fakes.js';
import { countCases, madeUpInputs } from './case-count.js';
import { changedText, changedValue, FRAMING, STREAM_NAMES } from './fuzz-inputs.js';

const globals = (): string =>
  [Object.prototype, Array.prototype, Function.prototype].map((each) => Object.getOwnPropertyNames(each).join()).join();
const before = globals();
const RUNS = madeUpInputs();
let api: ApiFixture;

beforeAll(async () => {
  api = await startApi({ rateLimit: { points: 1_000_000, durationSeconds: 60 } });
});
afterAll(() => api.close());
afterEach(async () => {
  expect(globals()).toBe(before);
  expect((await api.request('GET', '/livez')).status).toBe(200);
});

const count = (corpus: string, required: string, payloads: number): void => countCases({ corpus, required, payloads });

/** A body each route takes, to be changed. */
const VALID: Readonly<Record<string, object>> = {
  '/v1/responses': {
    model: 'fake/model',
    input: [
      { role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
      { type: 'function_call_output', call_id: 'call_1', output: 'done' },
    ],
    instructions: 'be brief',
    max_output_tokens: 100,
    metadata: { a: 'b' },
    tools: [{ type: 'function', name: 'f', parameters: { type: 'object', properties: { a: { type: 'string' } } } }],
    turnstone: { limits: { max_steps: 3 } },
  },
  '/v1/chat/completions': {
    model: 'fake/model',
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hello' },
    ],
    temperature: 0.5,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
  },
  '/v1/conversations': { metadata: { a: 'b' }, items: [{ type: 'message', role: 'user', content: 'hello' }] },
  '/v1/admin/keys': { name: 'laptop', scopes: ['read'], principal: 'anna' },
  '/v1/admin/tenants': { id: 'acme', name: 'Acme' },
};

async function complaintAbout(route: string, body: string | Uint8Array): Promise<string | null> {
  const response = await fetch(api.url + route, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  const text = await response.text();
  if (response.status >= 500) return `${response.status} ${text.slice(0, 300)}`;
  if (/node_modules|\bat .*\.ts:\d/.test(text)) return `tells: ${text.slice(0, 300)}`;
  if (response.status < 400) return null;
  const { error } = JSON.parse(text) as Pick<AnswerBody, 'error'>;
  return typeof error.code === 'string' && error.request_id !== '' ? null : `not the shape of an error: ${text}`;
}

describe.each(Object.entries(VALID))('bodies of %s', (route, valid) => {
  it('bytes changed, cut, doubled -> never a 5xx, always the one shape', async () => {
    await fc.assert(
      fc.asyncProperty(changedText(JSON.stringify(valid)), async (body) => {
        expect(await complaintAbout(route, body)).toBeNull();
      }),
      { numRuns: RUNS },
    );
    count('bodies with changed bytes', 'no 5xx, one shape of error', RUNS);
  });

  it('values replaced, fields added -> never a 5xx, always the one shape', async () => {
    await fc.assert(
      fc.asyncProperty(changedValue(valid), async (body) => {
        expect(await complaintAbout(route, JSON.stringify(body))).toBeNull();
      }),
      { numRuns: RUNS },
    );
    count('bodies with changed values', 'no 5xx, one shape of error', RUNS);
  });
});

/** What a header may hold at all: the client refuses the rest. */
const headerValue = fc.string({
  unit: fc.constantFrom(...Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)), ' '),
});

describe('headers and credentials', () => {
  it('any credential, anywhere -> 401 in one of two ways of saying so', async () => {
    const said = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('authorization', 'x-api-key', 'api-key'),
        fc.constantFrom('', 'Bearer ', 'bearer  ', 'Basic ', 'ts_'),
        headerValue,
        async (name, prefix, value) => {
          const response = await fetch(`${api.url}/v1/models`, { headers: { [name]: prefix + value } });
          const { error } = (await response.json()) as Pick<AnswerBody, 'error'>;
          // Guesses may be slowed down, and that is all that may happen to them.
          expect([401, 429]).toContain(response.status);
          said.add(`${response.status} ${error.code} ${error.message}`);
        },
      ),
      { numRuns: RUNS },
    );
    expect([...said].filter((each) => each.startsWith('401'))).toHaveLength(2);
    expect(said.size).toBeLessThanOrEqual(3);
    count('made-up credentials', '401 in two ways, or slowed down', RUNS);
  });

  it('any value of any header -> no 5xx, nothing repeated, no origin allowed', async () => {
    const names = fc.constantFrom(
      ...['x-request-id', 'traceparent', 'tracestate', 'x-forwarded-for', 'x-forwarded-host', 'forwarded', 'origin'],
      ...[
        'accept',
        'accept-encoding',
        'accept-language',
        'range',
        'if-none-match',
        'if-modified-since',
        'last-event-id',
      ],
      ...['idempotency-key', 'x-provider-key', 'cookie', 'referer', 'user-agent', 'x-http-method-override', 'prefer'],
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, headerValue, { minKeys: 1, maxKeys: 6 }), async (headers) => {
        const answer = await api.request('POST', '/v1/responses', { input: 'a' }, headers);
        expect(answer.status, answer.text.slice(0, 300)).toBeLessThan(500);
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        expect(answer.headers.get('x-request-id')).toMatch(/^[\w.:/+=-]{1,128}$/);
        const long = Object.entries(headers).filter(
          ([name, value]) => value.trim().length > 8 && name !== 'x-request-id' && name !== 'traceparent',
        );
        for (const [, value] of long) expect(answer.text).not.toContain(value.trim());
      }),
      { numRuns: RUNS },
    );
    count('made-up headers', 'no 5xx, nothing repeated', RUNS);
  });
});

describe('texts that look like the framing of a stream', () => {
  const hostile = fc
    .array(fc.oneof(fc.constantFrom(...FRAMING), fc.string({ maxLength: 5 })), { minLength: 1, maxLength: 12 })
    .map((parts) => `x${parts.join('')}`)
    // No text may hold these, in a request.
    .filter((text) => Buffer.from(text).toString() === text && !text.includes('\u0000'));

  async function eventsOf(route: string, body: object): Promise<{ name: string | undefined; data: string }[]> {
    const answer = await api.request('POST', route, { model: 'fake/model', stream: true, ...body });
    expect(answer.status, answer.text.slice(0, 300)).toBe(200);
    const events: { name: string | undefined; data: string }[] = [];
    const parser = createParser({
      onEvent: ({ event, data }) => events.push({ name: event, data }),
      onError: (error) => {
        throw error;
      },
    });
    parser.feed(answer.text);
    return events;
  }

  it('responses wire -> the events that were written, with the text in them, and one end', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (input) => {
        const events = await eventsOf('/v1/responses', { input });
        const parsed = events.map(({ name, data }) => ({ name, body: JSON.parse(data) as Record<string, unknown> }));
        for (const { name, body } of parsed) expect(name).toBe(body['type']);
        for (const { name } of parsed) expect(STREAM_NAMES).toContain(name);
        const text = parsed.flatMap(({ body }) =>
          body['type'] === 'response.output_text.delta' ? [body['delta']] : [],
        );
        expect(text.join('')).toBe(`You said: ${input}`);
        expect(parsed.filter(({ name }) => name === 'response.completed')).toHaveLength(1);
      }),
      { numRuns: RUNS },
    );
    count('framing in the text of a stream, responses', 'no event that nobody wrote', RUNS);
  });

  it('chat wire -> the chunks that were written, with the text in them, and one end', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (content) => {
        const events = await eventsOf('/v1/chat/completions', { messages: [{ role: 'user', content }] });
        const last = events.pop();
        expect(last?.data).toBe('[DONE]');
        const text = events.map(({ name, data }) => {
          expect(name).toBeUndefined();
          const chunk = JSON.parse(data) as { object: string; choices: { delta: { content?: string } }[] };
          expect(chunk.object).toBe('chat.completion.chunk');
          return chunk.choices[0]?.delta.content ?? '';
        });
        expect(text.join('')).toBe(`You said: ${content}`);
      }),
      { numRuns: RUNS },
    );
    count('framing in the text of a stream, chat', 'no chunk that nobody wrote', RUNS);
  });
});
