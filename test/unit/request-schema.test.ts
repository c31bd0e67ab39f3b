/** What the request schemas take, ignore and refuse, and what becomes of it in a turn's settings. */
import { describe, expect, it } from 'vitest';
import { chatCompletionSchema } from '../../api/schemas/chat-request.js';
import { responseCreateSchema } from '../../api/schemas/response-request.js';
import { parseRequest } from '../../api/schemas/parse-request.js';
import { toChatInput, toMessageParam } from '../../api/projections/chat-request.js';
import { decideLimits } from '../../api/turn-limits.js';
import { decideSettings } from '../../api/turn-settings.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { TurnSettings } from '../../domain/turn.js';
import { aFakeTool, createFakeModels } from '../support/api-fakes.js';

const GENERAL = {
  name: 'general',
  version: 'v1',
  description: 'd',
  model: 'auto',
  instructions: 'i',
  tools: ['python', 'read_page'],
  limits: {},
};
const deps = {
  agents: [GENERAL, { ...GENERAL, name: 'careful', limits: { max_steps: 5 } }],
  models: createFakeModels(),
  tools: [aFakeTool('python'), aFakeTool('read_page')],
  defaultLimits: DEFAULT_LIMITS,
};
const settings = (body: object): TurnSettings =>
  decideSettings(deps, parseRequest(responseCreateSchema, { input: 'a', ...body }, 'body'));
const names = (list: readonly { name: string }[]): string[] => list.map((entry) => entry.name);
const f = { type: 'function', name: 'f', parameters: { type: 'object' } };

describe('POST /v1/responses', () => {
  it('what official clients send and this server does not need -> taken, without effect', () => {
    const harmless = {
      prompt_cache_key: 'k',
      safety_identifier: 's',
      service_tier: 'auto',
      stream_options: { include_obfuscation: false },
      top_logprobs: 0,
      prompt_cache_retention: '24h',
      include: ['reasoning.encrypted_content'],
      text: { verbosity: 'low' },
      prompt: null,
      context_management: null,
    };
    expect(settings(harmless)).toEqual(settings({}));
  });

  it('nothing said -> the agent general with its tools pinned, and its defaults', () => {
    expect(settings({})).toMatchObject({
      agent: { name: 'general', version: 'v1' },
      requestedModel: 'general',
      modelChain: ['fake/model'],
      tools: [
        { name: 'python', schemaHash: 'hash-of-python' },
        { name: 'read_page', schemaHash: 'hash-of-read_page' },
      ],
      toolChoice: 'auto',
      textFormat: { type: 'text' },
    });
  });

  it('provider/model -> run by the agent general', () => {
    expect(settings({ model: 'fake/other' })).toMatchObject({
      agent: { name: 'general' },
      requestedModel: 'fake/other',
      modelChain: ['fake/other'],
    });
  });

  it('a tool that cannot run now -> not pinned; asked for by its hosted type -> refused with the reason', () => {
    const broken = {
      ...deps,
      tools: [aFakeTool('python', { unavailable: () => 'no jail: install bubblewrap' }), aFakeTool('read_page')],
    };
    const request = parseRequest(responseCreateSchema, { input: 'a' }, 'body');
    expect(names(decideSettings(broken, request).tools)).toEqual(['read_page']);
    expect(() => decideSettings(broken, { ...request, tools: [{ type: 'code_interpreter' }] })).toThrow(
      /install bubblewrap/,
    );
  });

  it('tools: functions come on top, one of the same name replaces the agent’s, choices narrow', () => {
    expect(names(settings({ tools: [f, { type: 'web_search' }] }).tools)).toEqual(['python', 'read_page']);
    expect(names(settings({ tools: [f] }).clientFunctions)).toEqual(['f']);
    expect(names(settings({ tools: [{ ...f, name: 'python' }] }).tools)).toEqual(['read_page']);
    expect(settings({ tool_choice: { type: 'code_interpreter' } }).toolChoice).toEqual({ name: 'python' });
    const narrowed = settings({
      tools: [f],
      tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] },
    });
    expect([names(narrowed.tools), names(narrowed.clientFunctions), narrowed.toolChoice]).toEqual([
      [],
      ['f'],
      'required',
    ]);
  });

  it('a hosted option that would change the answer -> refused', () => {
    expect(() => settings({ tools: [{ type: 'web_search', filters: { allowed_domains: ['a.org'] } }] })).toThrow(
      expect.objectContaining({ param: 'tools[0].filters.allowed_domains' }),
    );
  });
});

describe('limits', () => {
  it('defaults < agent < request, never above the ceilings; tokens and money only downwards', () => {
    expect(settings({ model: 'careful' }).limits.maxSteps).toBe(5);
    expect(settings({ model: 'careful', turnstone: { limits: { max_steps: 50 } } }).limits.maxSteps).toBe(50);
    const asked = {
      max_tokens: DEFAULT_LIMITS.maxTokens * 10,
      max_cost_micros: DEFAULT_LIMITS.maxCostMicros + 1,
      max_steps: 500,
    };
    expect(decideLimits(DEFAULT_LIMITS, {}, asked, null)).toMatchObject({
      maxTokens: DEFAULT_LIMITS.maxTokens,
      maxCostMicros: DEFAULT_LIMITS.maxCostMicros,
      maxSteps: 500,
    });
    expect(decideLimits(DEFAULT_LIMITS, {}, { max_cost_micros: 5 }, null).maxCostMicros).toBe(5);
  });

  it('max_tool_calls of the request holds too', () => {
    expect(settings({ max_tool_calls: 2 })).toMatchObject({ maxToolCalls: 2, limits: { maxToolCalls: 2 } });
  });
});

describe('chat completions', () => {
  it('messages become items; complaints about an item name its message', () => {
    const request = parseRequest(
      chatCompletionSchema,
      {
        messages: [
          {
            role: 'system',
            content: [
              { type: 'text', text: 'be' },
              { type: 'text', text: 'kind' },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'see' },
              { type: 'image_url', image_url: { url: 'https://a.org/b.png' } },
            ],
          },
          {
            role: 'assistant',
            content: 'calling',
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
          { role: 'tool', tool_call_id: 'c1', content: 'done' },
        ],
      },
      'body',
    );
    const input = toChatInput(request.messages);
    expect(input.items).toEqual([
      { role: 'system', content: 'be\nkind' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'see' },
          { type: 'input_image', image_url: 'https://a.org/b.png', detail: 'auto' },
        ],
      },
      { role: 'assistant', content: [{ type: 'output_text', text: 'calling' }] },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'done' },
    ]);
    expect(toMessageParam('messages[4].call_id', input)).toBe('messages[3].tool_call_id');
    expect(toMessageParam('messages[1].content[1].image_url', input)).toBe('messages[1].content[1].image_url.url');
    expect(toMessageParam('text.format.schema', input)).toBe('response_format.json_schema.schema');
  });
});
