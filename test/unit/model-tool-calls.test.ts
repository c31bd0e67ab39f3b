/** Proves that tool calls are put together right from every way providers are known to send them in pieces. */
import { describe, expect, it } from 'vitest';
import { createToolCallAssembler } from '../../adapters/openai/tool-call-assembler.js';
import type { ToolCallDelta } from '../../adapters/openai/tool-call-assembler.js';
import type { FailWith } from '../../adapters/openai/wire-reader.js';
import { failure } from '../../domain/failures.js';
import { summarize } from '../support/fake-provider-models.js';
import type { Answer } from '../support/fake-provider-models.js';

const fail: FailWith = (code, why) => failure(code, why);
const MADE_ID = /^call_[0-9a-z]{26}$/;

function piece(position: number | null, id: string, name: string, text: string): ToolCallDelta {
  return { position, id, name, arguments: text };
}

function assemble(...deltas: readonly ToolCallDelta[]): Answer['calls'] {
  const assembler = createToolCallAssembler(fail);
  return summarize([...deltas.flatMap((delta) => assembler.push(delta)), ...assembler.finish()]).calls;
}

describe('tool call assembler', () => {
  it('OpenAI: id and name first, arguments in pieces, two calls interleaved -> two calls', () => {
    const calls = assemble(
      piece(0, 'a', 'one', ''),
      piece(1, 'b', 'two', ''),
      piece(0, '', '', '{"x"'),
      piece(1, '', '', '{}'),
      piece(0, '', '', ':1}'),
    );
    expect(calls).toEqual([
      { callId: 'a', name: 'one', arguments: '{"x":1}' },
      { callId: 'b', name: 'two', arguments: '{}' },
    ]);
  });

  it('whole calls without numbers or ids -> one call each, ids made and different', () => {
    const calls = assemble(
      piece(null, '', 'one', '{"x":1}'),
      piece(null, '', 'two', '{}'),
      piece(null, '', 'two', '{}'),
    );
    expect(calls.map((call) => call.name)).toEqual(['one', 'two', 'two']);
    for (const call of calls) expect(call.callId).toMatch(MADE_ID);
    expect(new Set(calls.map((call) => call.callId)).size).toBe(3);
  });

  it('every call numbered 0, with ids -> still one call each', () => {
    const calls = assemble(piece(0, 'a', 'one', '{"x":1}'), piece(0, 'b', 'one', '{"x":2}'));
    expect(calls.map((call) => [call.callId, call.arguments])).toEqual([
      ['a', '{"x":1}'],
      ['b', '{"x":2}'],
    ]);
  });

  it('every call numbered 0, without ids, whole -> one call each', () => {
    expect(assemble(piece(0, '', 'one', '{"x":1}'), piece(0, '', 'one', '{"x":2}'))).toHaveLength(2);
  });

  it('id and name repeated with every piece -> one call', () => {
    const calls = assemble(piece(0, 'a', 'one', '{"x"'), piece(0, 'a', 'one', ':{'), piece(0, 'a', 'one', '}}'));
    expect(calls).toEqual([{ callId: 'a', name: 'one', arguments: '{"x":{}}' }]);
  });

  it('a late id -> used; an id that never comes -> made when arguments arrive', () => {
    expect(assemble(piece(0, '', 'one', ''), piece(0, 'late', '', ''), piece(0, '', '', '{}'))[0]?.callId).toBe('late');
    expect(assemble(piece(0, '', 'one', ''), piece(0, '', '', '{}'))[0]?.callId).toMatch(MADE_ID);
  });

  it('a late name, or a name in pieces -> nothing starts without it, no argument is lost', () => {
    expect(assemble(piece(0, 'a', '', '{"x"'), piece(0, '', 'one', ':1}'))).toEqual([
      { callId: 'a', name: 'one', arguments: '{"x":1}' },
    ]);
    expect(assemble(piece(0, '', 'get_', ''), piece(0, '', 'weather', ''), piece(0, '', '', '{}'))[0]?.name).toBe(
      'get_weather',
    );
  });

  it('two calls with the same id -> the second gets one of its own', () => {
    const calls = assemble(piece(0, 'a', 'one', '{}'), piece(1, 'a', 'two', '{}'));
    expect(calls[0]?.callId).toBe('a');
    expect(calls[1]?.callId).toMatch(MADE_ID);
  });

  it('bare arguments without a number -> belong to the last call', () => {
    expect(assemble(piece(null, 'a', 'one', ''), piece(null, '', '', '{"x":'), piece(null, '', '', '1}'))).toEqual([
      { callId: 'a', name: 'one', arguments: '{"x":1}' },
    ]);
  });

  it('no arguments at all -> the empty object', () => {
    expect(assemble(piece(0, 'a', 'one', ''))).toEqual([{ callId: 'a', name: 'one', arguments: '{}' }]);
  });

  it('arguments without a name ever -> invalid-reply; an empty piece -> no call', () => {
    expect(() => assemble(piece(0, 'a', '', '{}'))).toThrow(/without naming it/);
    expect(assemble(piece(0, 'a', '', ''))).toEqual([]);
  });

  it('more calls than any answer has -> invalid-reply', () => {
    const flood = Array.from({ length: 300 }, (_, index) => piece(index, '', 'one', '{}'));
    expect(() => assemble(...flood)).toThrow(/more than 256 tools/);
  });

  it('whole(): half a JSON -> false', () => {
    const assembler = createToolCallAssembler(fail);
    assembler.push(piece(0, 'a', 'one', '{"x":'));
    expect(assembler.whole()).toBe(false);
    assembler.push(piece(0, '', '', '1}'));
    expect(assembler.whole()).toBe(true);
  });
});
