/** Proves the tool contract: schema and hash from one definition, bad arguments named, bad definitions refused, the kit's checks. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Failure } from '../../domain/failures.js';
import { failure } from '../../domain/failures.js';
import { createBuiltinTools } from '../../tools/builtin-tools.js';
import type { ToolDefinition } from '../../tools/sdk/define-tool.js';
import { defineTool } from '../../tools/sdk/define-tool.js';
import { checkTool, runTool } from '../../tools/sdk/test-kit.js';
import { fakePython, webAnswer } from '../support/tool-context.js';

const input = z.object({
  city: z.string().min(1).describe('Name of the city.'),
  days: z.int().min(1).max(10).default(3).describe('How many days.'),
  units: z.enum(['c', 'f']).optional().describe('Degrees.'),
});

const define = (changes: Partial<ToolDefinition<typeof input>> = {}) =>
  defineTool({
    name: 'weather',
    description: 'Tells the weather.',
    input,
    effect: 'read',
    timeoutMs: 1000,
    run: ({ city, days }) => Promise.resolve({ text: `${city} ${days}` }),
    ...changes,
  });

describe('defineTool: what follows from a definition', () => {
  it('parameters -> strict JSON Schema of what the model sends, without noise', () => {
    expect(define().parameters).toEqual({
      type: 'object',
      properties: {
        city: { type: 'string', minLength: 1, description: 'Name of the city.' },
        days: { type: 'integer', minimum: 1, maximum: 10, default: 3, description: 'How many days.' },
        units: { type: 'string', enum: ['c', 'f'], description: 'Degrees.' },
      },
      required: ['city'],
      additionalProperties: false,
    });
  });

  it('hash -> the same for the same tool, another for each part of the contract', () => {
    const variants = [
      define(),
      define({ name: 'weather2' }),
      define({ description: 'Other.' }),
      define({ effect: 'keyed' }),
      defineTool({ ...base(), input: z.object({ city: z.string().describe('Other.') }) }),
    ];
    expect(define().schemaHash).toBe(variants[0]?.schemaHash);
    expect(define({ timeoutMs: 5 }).schemaHash).toBe(variants[0]?.schemaHash);
    expect(new Set(variants.map((tool) => tool.schemaHash)).size).toBe(variants.length);
    expect(variants[0]?.schemaHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['read', 3, 'never'],
    ['keyed', 3, 'ask'],
    ['unkeyed', 1, 'ask'],
  ] as const)('effect %s -> %i attempts, approval %s', (effect, attempts, approval) => {
    expect(define({ effect })).toMatchObject({
      effect,
      attempts,
      approval,
      egress: false,
      itemType: 'turnstone:tool_call',
    });
  });

  it('good arguments -> parsed, with defaults', async () => {
    expect((await runTool(define(), { city: 'Oslo' })).output.text).toBe('Oslo 3');
  });
});

function base() {
  return {
    name: 'weather',
    description: 'Tells the weather.',
    effect: 'read' as const,
    timeoutMs: 1000,
    run: () => Promise.resolve({ text: 'x' }),
  };
}

describe('defineTool: bad arguments', () => {
  it.each([
    ['not an object', 'x', /must be a JSON object with the fields city, days, units, got "x"/],
    ['null', null, /got null/],
    ['a list', [1], /got \[1\]/],
    ['nothing', undefined, /got nothing/],
    ['a missing field', {}, /city: .*expected string.*got nothing/],
    ['a wrong type', { city: 5 }, /city: .*expected string.*got 5/],
    ['a number out of range', { city: 'a', days: 11 }, /days: .*got 11/],
    ['a fraction', { city: 'a', days: 1.5 }, /days: .*got 1.5/],
    ['a wrong choice', { city: 'a', units: 'k' }, /units: .*"c".*"f".*got "k"/],
    ['an unknown field', { city: 'a', town: 1 }, /unknown field "town"; the fields are city, days, units/],
    ['a prototype key', JSON.parse('{"city":"a","__proto__":{"x":1}}'), /unknown field "__proto__"/],
    ['a huge value', { city: 'a', days: 'x'.repeat(10_000) }, /got "x{79}…/],
  ])('%s -> tool.invalid-arguments that says what and what is expected', async (_name, args, expected) => {
    const error = (await runTool(define(), args).catch((thrown: unknown) => thrown)) as Failure;
    expect(error.code).toBe('tool.invalid-arguments');
    expect(error.message).toMatch(expected);
    expect(error.message.length).toBeLessThan(600);
  });

  it('a nested field -> param names its path', async () => {
    const tool = defineTool({
      ...base(),
      input: z.object({ rows: z.array(z.object({ id: z.int() })).describe('Rows.') }),
    });
    await expect(runTool(tool, { rows: [{ id: 1 }, { id: 'x' }] })).rejects.toMatchObject({
      code: 'tool.invalid-arguments',
      param: 'rows[1].id',
    });
  });

  it('cancelled before it runs -> turn.cancelled, the tool is not run', async () => {
    let runs = 0;
    const tool = define({ run: () => Promise.resolve({ text: String((runs += 1)) }) });
    await expect(runTool(tool, { city: 'a' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'turn.cancelled',
    });
    expect(runs).toBe(0);
  });
});

describe('defineTool: bad definitions', () => {
  it.each(['Weather', '1weather', 'we-ather', '', 'a'.repeat(65), 'we ather', '__proto__'])(
    'name %j -> refused',
    (name) => {
      expect(() => define({ name })).toThrow(/name/);
    },
  );

  it('no description, an undescribed field, unkeyed with attempts, no time, zero attempts -> refused, saying what to do', () => {
    expect(() => define({ description: ' ' })).toThrow(/description/);
    expect(() => defineTool({ ...base(), input: z.object({ a: z.string() }) })).toThrow(/fields a have no description/);
    expect(() => define({ effect: 'unkeyed', attempts: 2 })).toThrow(/at most once/);
    expect(() => define({ timeoutMs: 0 })).toThrow(/timeoutMs/);
    expect(() => define({ attempts: 0 })).toThrow(/attempts/);
  });

  it('a field that JSON cannot say -> refused', () => {
    expect(() => defineTool({ ...base(), input: z.object({ when: z.date().describe('When.') }) })).toThrow();
  });
});

describe('checkTool: conformance', () => {
  it('the built-in tools -> pass', async () => {
    const tools = createBuiltinTools({ python: fakePython({ stdout: '4\n' }) });
    const samples = {
      python: { arguments: { code: '2+2' } },
      read_page: { arguments: { url: 'https://example.com/' }, options: { respond: () => webAnswer('<p>hello</p>') } },
      read_result: { arguments: { id: 'tc_1' }, options: { earlierResults: { tc_1: 'text' } } },
    } as const;
    expect(tools.map((tool) => tool.name)).toEqual(Object.keys(samples));
    for (const tool of tools) expect(await checkTool(tool, samples[tool.name as keyof typeof samples])).toEqual([]);
  });

  it('a tool that ignores cancelling, answers nothing, or throws on bad arguments its own way -> each named', async () => {
    const deaf = define({ run: () => new Promise(() => undefined) });
    const mute = define({ run: () => Promise.resolve({ text: '' }) });
    const loose = { ...define(), invoke: () => Promise.resolve({ text: 'fine' }) };
    const sample = { arguments: { city: 'a' } };
    expect((await checkTool(deaf, sample)).join()).toMatch(/cancelled call still ran.*did not finish/);
    expect((await checkTool(mute, sample)).join()).toMatch(/no text/);
    expect(
      (await checkTool(loose, sample)).filter((problem) => problem.includes('instead of tool.invalid-arguments')),
    ).toHaveLength(5);
  });

  it('a failing tool in runTool -> its own failure', async () => {
    const tool = define({ run: () => Promise.reject(failure('tool.failed', 'no')) });
    await expect(runTool(tool, { city: 'a' })).rejects.toMatchObject({ code: 'tool.failed' });
  });
});

describe('undo', () => {
  it('of a tool that changes nothing -> refused; of another -> gets parsed arguments and the receipt', async () => {
    const undo = async (input: { city: string }, receipt: { text: string }): Promise<{ text: string }> => ({
      text: `${input.city}: no more ${receipt.text}`,
    });
    expect(() => define({ effect: 'read', undo })).toThrow(/nothing to undo/);
    expect(define().undo).toBeUndefined();
    const tool = define({ effect: 'keyed', undo });
    const receipt = { text: 'rain', idempotencyKey: 'k' };
    const context = {} as never;
    expect(await tool.undo?.({ city: 'Riga' }, receipt, context)).toEqual({ text: 'Riga: no more rain' });
    await expect(tool.undo?.({ town: 'Riga' }, receipt, context)).rejects.toMatchObject({
      code: 'tool.invalid-arguments',
    });
  });
});
