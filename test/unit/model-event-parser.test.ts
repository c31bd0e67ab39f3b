/** Proves that server-sent events are found however the bytes are cut, and that one event cannot take all memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventParser } from '../../adapters/openai/event-parser.js';
import type { FailWith } from '../../adapters/openai/wire-reader.js';
import { failure } from '../../domain/failures.js';

const fail: FailWith = (code, why) => failure(code, why);

function parse(...texts: readonly string[]): string[] {
  const parser = createEventParser(fail);
  return [...texts.flatMap((text) => parser.push(text)), ...parser.end()];
}

describe('event parser', () => {
  it('framing: comments, names, ids, several data lines, CRLF, no space -> the data only', () => {
    expect(parse(': ping\n\nevent: a\nid: 1\ndata: one\n\n', 'data:two\r\ndata: lines\r\n\r\nretry: 5\n\n')).toEqual([
      'one',
      'two\nlines',
    ]);
  });

  it('the last event without an empty line, and even without a line end -> still there', () => {
    expect(parse('data: one\n\ndata: [DONE]')).toEqual(['one', '[DONE]']);
  });

  it('bare JSON without framing -> an event', () => {
    expect(parse('{"error":{"message":"x"}}\n')).toEqual(['{"error":{"message":"x"}}']);
  });

  it('any cut of the same text -> the same events', () => {
    const text = 'data: {"a":1}\n\n: c\r\nevent: x\r\ndata: {"b":"ü\u{1F389}"}\r\n\r\ndata: [DONE]\n\n';
    const whole = parse(text);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const sorted = [0, ...cuts.sort((left, right) => left - right), text.length];
        const parts = sorted.slice(1).map((end, index) => text.slice(sorted[index], end));
        expect(parse(...parts)).toEqual(whole);
      }),
    );
  });

  it('an event over the bound, in one line or in many -> invalid-reply before it is kept', () => {
    const oneLine = createEventParser(fail, 1000);
    oneLine.push(`data: ${'x'.repeat(900)}`);
    expect(() => oneLine.push('x'.repeat(200))).toThrow(/more than 1000 characters/);
    const manyLines = createEventParser(fail, 1000);
    expect(() => manyLines.push('data: 0123456789\n'.repeat(200))).toThrow(/more than 1000 characters/);
    const emptyLines = createEventParser(fail, 1000);
    expect(() => emptyLines.push('data:\n'.repeat(2000))).toThrow(/more than 1000 characters/);
  });

  it('many small events over the bound together -> no failure', () => {
    expect(createEventParser(fail, 100).push('data: 0123456789\n\n'.repeat(100))).toHaveLength(100);
  });
});
