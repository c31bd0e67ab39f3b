/** The reader that finds JSON mistakes agrees with JSON.parse on what JSON is, and never recurses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guardJson } from '../../api/middleware/json-guard.js';
import { findJsonMistake, jsonDepth } from '../../api/middleware/json-syntax.js';

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // That it throws is the answer.
    return false;
  }
}

describe('findJsonMistake', () => {
  it('any JSON -> no mistake, pretty or not', () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (text, pretty) => {
        expect(findJsonMistake(pretty ? JSON.stringify(JSON.parse(text), null, 2) : text)).toBeNull();
      }),
    );
  });

  it('JSON with a piece changed -> a mistake exactly where JSON.parse refuses it', () => {
    const damage = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('', ',', '}', ']', '"', '\\', 'x', '0', ':', '\n', '\u0001', '-', '.'),
    );
    fc.assert(
      fc.property(damage, ([text, at, cut, insert]) => {
        const place = at % (text.length + 1);
        const changed = text.slice(0, place) + insert + text.slice(place + cut);
        expect(findJsonMistake(changed) === null, changed).toBe(parses(changed));
      }),
      { numRuns: 3000 },
    );
  });

  it('a million brackets -> an answer, not a stack overflow', () => {
    const deep = '['.repeat(1_000_000);
    expect(findJsonMistake(deep)).toMatchObject({ offset: 1_000_000 });
    expect(jsonDepth(deep, 65)).toBe(65);
  });
});

describe('jsonDepth', () => {
  it.each([
    ['1', 0],
    ['[]', 1],
    ['{"a":[{"b":1}],"c":"[[[["}', 3],
    ['"\\"[["', 0],
  ])('%s -> %d', (text, depth) => {
    expect(jsonDepth(text, 100)).toBe(depth);
  });
});

describe('guardJson', () => {
  it('ordinary text of any script passes', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => guardJson({ text: text.replaceAll('\0', '') })));
  });

  it('names the path of what it refuses, however deep', () => {
    expect(() => guardJson({ a: [{ b: 'ok' }, { c: ['\ud800'] }] })).toThrow(
      expect.objectContaining({ param: 'a[1].c[0]' }),
    );
    expect(() => guardJson(JSON.parse('{"a":{"__proto__":1}}'))).toThrow(
      expect.objectContaining({ param: 'a.__proto__' }),
    );
  });
});
