/**
 * Proves that no regular expression of the server runs away: every literal of the sources is tried on 8,000 characters of what makes them backtrack,
 * its own characters among it. One that looks at a text of a caller must not stop everybody for long.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { projectFiles, REPOSITORY_ROOT } from '../architecture/repository-files.js';
import { countCases } from './case-count.js';

const SERVER = /^(?:domain|activities|workflows|workers|api|tools|adapters)\/.*\.ts$/;
const CHARS = 8_000;
/** The least of three tries: one whose time grows with the square takes 170 ms and more for this, others less than one. */
const MAX_MS = 120;

interface Literal {
  readonly where: string;
  readonly regex: RegExp;
}

function literalsOf(path: string): Literal[] {
  const source = ts.createSourceFile(path, readFileSync(join(REPOSITORY_ROOT, path), 'utf8'), ts.ScriptTarget.Latest);
  const found: Literal[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const text = node.text;
      const end = text.lastIndexOf('/');
      found.push({ where: `${path} ${text}`, regex: new RegExp(text.slice(1, end), text.slice(end + 1)) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const fill = (piece: string, end = ''): string => piece.repeat(Math.ceil(CHARS / piece.length)).slice(0, CHARS) + end;
const PIECES: readonly string[] = [
  ...[
    'a',
    ' ',
    '\t',
    '\n',
    '\r\n',
    '0',
    '.',
    '-',
    '_',
    '/',
    '\\',
    '"',
    "'",
    '<',
    '>',
    '<a ',
    '<!--',
    '</',
    '&',
    ';',
    ':',
    ',',
  ],
  ...[
    '(',
    '[',
    '![',
    '](',
    '![](',
    '{',
    '{{',
    '%',
    '%41',
    '=',
    'a=',
    'a="',
    '`',
    '```',
    '*',
    '#',
    '@',
    'http://',
    'a.',
    '\u00e4',
    '🙈',
  ],
  ...['ab ', 'a, ', 'a:', 'sk-', 'Bearer ', 'data:', 'eyJ', '1.', '::', 'x-'],
];

/** Texts out of the expression's own characters: what it likes, again and again, and then an end it does not like. */
function ownTexts({ source }: RegExp): string[] {
  const plain = source.replace(/\\[a-z]|[\\^$.*+?()[\]{}|]/gi, '');
  const words = plain === '' ? [] : [plain, plain.slice(0, 3), plain.slice(-3), plain[0] ?? ''];
  return words.filter((word) => word !== '').map((word) => fill(word, '\u0001'));
}

function timeOf(regex: RegExp, text: string): number {
  const startedMs = performance.now();
  regex.lastIndex = 0;
  regex.test(text);
  return performance.now() - startedMs;
}

it('every regular expression of the server on 8,000 characters of anything -> ends at once', () => {
  const literals = projectFiles()
    .filter((path) => SERVER.test(path))
    .flatMap(literalsOf);
  expect(literals.length).toBeGreaterThan(100);
  const texts = [...PIECES.map((piece) => fill(piece)), ...PIECES.map((piece) => fill(piece, '\u0001'))];
  const slow: string[] = [];
  let tried = 0;
  for (const { where, regex } of literals) {
    for (const text of [...texts, ...ownTexts(regex)]) {
      tried += 1;
      let tookMs = timeOf(regex, text);
      for (let again = 0; again < 2 && tookMs > MAX_MS; again += 1) tookMs = Math.min(tookMs, timeOf(regex, text));
      if (tookMs > MAX_MS) slow.push(`${where} on ${JSON.stringify(text.slice(0, 12))}…: ${Math.round(tookMs)} ms`);
    }
  }
  expect(slow).toEqual([]);
  countCases({ corpus: 'regular expressions on long texts', required: 'no one runs away', payloads: tried });
});
