/**
 * Proves the scripted demo: it says what it is, turns commands into calls of tools that are there, reports what they
 * answered, fits a JSON Schema, counts, can be stopped, and says the same thing every time.
 */
import Ajv2020 from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { createDemoModel } from '../../adapters/demo/demo-model.js';
import { schemaInstance } from '../../adapters/demo/schema-instance.js';
import { isFailure } from '../../domain/failures.js';
import type { JsonObject } from '../../domain/json.js';
import type { ModelMessage, ModelRequest, ModelTool } from '../../domain/ports/model.js';
import { ask, asking, modelRequest } from '../support/fake-provider-models.js';

const demo = createDemoModel({ deltaMs: 0, countMs: 0 });

function tools(...names: readonly string[]): ModelTool[] {
  return names.map((name) => ({ name, description: name, parameters: { type: 'object' }, strict: false }));
}

async function callsFor(text: string, parts: Partial<ModelRequest> = {}): Promise<(readonly [string, unknown])[]> {
  const answer = await ask(demo, asking(text, { tools: tools('python', 'read_page', 'lookup'), ...parts }));
  return answer.calls.map((call) => [call.name, JSON.parse(call.arguments) as unknown]);
}

describe('demo model', () => {
  it('a plain message: no command -> says it is a scripted demo, what to set and what it can do', async () => {
    const answer = await ask(demo, asking('hello there'));
    expect(demo).toMatchObject({ name: 'demo/scripted', demo: true, provider: 'demo' });
    expect(answer.text).toMatch(/scripted demo, not a language model/);
    expect(answer.text).toMatch(/OPENAI_API_KEY/);
    expect(answer.text).toMatch(/run python/);
    expect(answer.text).toContain('You wrote: hello there');
    expect(answer.reasoning).not.toBe('');
    expect(answer.finish).toBe('stop');
    expect(answer.usage).toMatchObject({ estimated: true });
    expect(answer.chunks.length).toBeGreaterThan(30);
  });

  const COMMANDS: readonly (readonly [string, readonly (readonly [string, unknown])[]])[] = [
    ['run python: print(2 ** 100)', [['python', { code: 'print(2 ** 100)' }]]],
    ['Please run Python: 1+1', [['python', { code: '1+1' }]]],
    ['python:\nfor i in range(3):\n    print(i)', [['python', { code: 'for i in range(3):\n    print(i)' }]]],
    ['run python:\n```python\nprint(1)\n```', [['python', { code: 'print(1)' }]]],
    ['read https://example.com/a?b=c', [['read_page', { url: 'https://example.com/a?b=c' }]]],
    [
      'run python: 1+1 and read https://example.com',
      [
        ['python', { code: '1+1' }],
        ['read_page', { url: 'https://example.com' }],
      ],
    ],
    [
      'run python: 1\nrun python: 2\nread https://example.com',
      [
        ['python', { code: '1' }],
        ['python', { code: '2' }],
        ['read_page', { url: 'https://example.com' }],
      ],
    ],
    ['call lookup {"key": [1, 2]}', [['lookup', { key: [1, 2] }]]],
    ['call lookup', [['lookup', {}]]],
    ['call me when you are done', []],
    ['I like python: it is nice', []],
  ];
  it.each(COMMANDS)('%j -> its calls', async (text, expected) => {
    expect(await callsFor(text)).toEqual(expected);
  });

  it('calls in one answer -> finish tool_calls, ids different, reasoning first', async () => {
    const answer = await ask(demo, asking('python: 1\npython: 2', { tools: tools('python') }));
    expect(answer.finish).toBe('tool_calls');
    expect(new Set(answer.calls.map((call) => call.callId)).size).toBe(2);
    expect(answer.chunks[0]?.type).toBe('reasoning-delta');
  });

  it('a tool this turn does not have, or tool_choice none -> no call, and it says so', async () => {
    const answer = await ask(demo, asking('run python: 1', { tools: [] }));
    expect(answer.calls).toEqual([]);
    expect(answer.text).toContain('no tool named python');
    expect(await callsFor('run python: 1', { toolChoice: 'none' })).toEqual([]);
    expect(await callsFor('run python: 1\ncall lookup', { toolChoice: { name: 'lookup' } })).toEqual([['lookup', {}]]);
  });

  it('results: the tools have answered -> the answer repeats them under their names', async () => {
    const messages: ModelMessage[] = [
      { role: 'user', parts: [{ type: 'text', text: 'run python: 1+1' }] },
      { role: 'assistant', text: '', toolCalls: [{ callId: 'c1', name: 'python', arguments: '{"code":"1+1"}' }] },
      { role: 'tool', callId: 'c1', text: 'value ``` 2' },
    ];
    const answer = await ask(demo, modelRequest({ messages, tools: tools('python') }));
    expect(answer.calls).toEqual([]);
    expect(answer.text).toContain('**python** answered:\n\n````\nvalue ``` 2\n````');
    expect(answer.finish).toBe('stop');
  });

  it('parallel calls switched off -> one call per step until all are made', async () => {
    const first = asking('python: 1\npython: 2', { tools: tools('python'), parallelToolCalls: false });
    const one = await ask(demo, first);
    expect(one.calls.map((call) => call.arguments)).toEqual(['{"code":"1"}']);
    const messages: ModelMessage[] = [
      ...first.messages,
      { role: 'assistant', text: '', toolCalls: one.calls },
      { role: 'tool', callId: one.calls[0]!.callId, text: 'ok' },
    ];
    const two = await ask(demo, { ...first, messages });
    expect(two.calls.map((call) => call.arguments)).toEqual(['{"code":"2"}']);
    expect(two.calls[0]?.callId).not.toBe(one.calls[0]?.callId);
  });

  it('count to N -> every number in order; a token limit cuts it with length', async () => {
    expect((await ask(demo, asking('count to 12'))).text).toContain('1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12. Done.');
    const cut = await ask(demo, asking('count to 5000', { maxOutputTokens: 100 }));
    expect(cut.finish).toBe('length');
    expect(cut.usage?.outputTokens).toBeLessThanOrEqual(101);
  });

  it('the same request twice -> the same chunks', async () => {
    const request = asking('python: 1\nread https://example.com', { tools: tools('python', 'read_page') });
    expect((await ask(demo, request)).chunks).toEqual((await ask(demo, request)).chunks);
  });

  it('cancelled in the middle -> turn.cancelled at once', async () => {
    const slow = createDemoModel({ deltaMs: 0, countMs: 60_000 });
    const controller = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const chunk of slow.stream(asking('count to 3'), controller.signal)) {
        if (chunk.type === 'text-delta') seen.push(chunk.text);
        if (seen.join('').includes('Counting')) setTimeout(() => controller.abort(), 5);
      }
    })();
    const error = await reading.catch((thrown: unknown) => thrown);
    expect(isFailure(error) && error.code).toBe('turn.cancelled');
    expect(seen.join('')).toContain('Counting');
  });

  it('json_schema -> the answer fits the schema; json_object -> an object', async () => {
    const schema: JsonObject = {
      type: 'object',
      properties: { city: { type: 'string' }, n: { type: 'integer', minimum: 3 } },
      required: ['city', 'n'],
    };
    const answer = await ask(
      demo,
      asking('x', { textFormat: { type: 'json_schema', name: 's', schema, strict: true, description: null } }),
    );
    expect(JSON.parse(answer.text)).toEqual({ city: 'demo', n: 3 });
    expect(typeof JSON.parse((await ask(demo, asking('x', { textFormat: { type: 'json_object' } }))).text)).toBe(
      'object',
    );
  });
});

describe('schemaInstance', () => {
  const SCHEMAS: readonly (readonly [string, JsonObject])[] = [
    [
      'nested objects and arrays',
      {
        type: 'object',
        required: ['a'],
        properties: {
          a: {
            type: 'array',
            minItems: 2,
            items: { type: 'object', required: ['b'], properties: { b: { type: 'boolean' } } },
          },
        },
      },
    ],
    [
      'enum, const, null',
      {
        type: 'object',
        required: ['e', 'c', 'n'],
        properties: { e: { enum: ['x', 'y'] }, c: { const: 7 }, n: { type: 'null' } },
      },
    ],
    ['anyOf takes the first', { anyOf: [{ type: 'integer', exclusiveMinimum: 4 }, { type: 'string' }] }],
    ['nullable type list', { type: ['null', 'string'], minLength: 10, maxLength: 12 }],
    [
      'local reference',
      {
        $defs: { p: { type: 'object', required: ['x'], properties: { x: { type: 'number', maximum: -2 } } } },
        $ref: '#/$defs/p',
      },
    ],
    [
      'recursive reference',
      {
        $defs: {
          node: {
            type: 'object',
            required: ['v'],
            properties: { v: { type: 'string' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          },
        },
        $ref: '#/$defs/node',
      },
    ],
    [
      'allOf',
      {
        allOf: [
          { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
          { required: ['b'], properties: { b: { type: 'number', multipleOf: 5 } } },
        ],
      },
    ],
    ['bounds', { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }],
    [
      'formats',
      {
        type: 'object',
        required: ['d', 'm'],
        properties: { d: { type: 'string', format: 'date' }, m: { type: 'string', format: 'email' } },
      },
    ],
  ];
  it.each(SCHEMAS)('%s -> an instance that validates', (_title, schema) => {
    const validate = new Ajv2020.default({ strict: false, validateFormats: false }).compile(schema);
    const instance = schemaInstance(schema);
    expect(validate(instance), JSON.stringify([instance, validate.errors])).toBe(true);
  });

  it('a schema that requires itself for ever -> ends', () => {
    const schema: JsonObject = {
      $defs: { n: { type: 'object', required: ['n'], properties: { n: { $ref: '#/$defs/n' } } } },
      $ref: '#/$defs/n',
    };
    expect(JSON.stringify(schemaInstance(schema)).length).toBeLessThan(500);
  });
});
