/**
 * The one form of a Markdown image that is understood: `![alt](destination "title")` without nesting. Strict on purpose: text
 * that some renderer may take for an image, and this does not, loses its `!` and is a link at most. Pure.
 */
export interface InlineImage {
  readonly kind: 'image';
  /** Behind the closing bracket. */
  readonly end: number;
  readonly alt: string;
  readonly destination: string;
}
/** `more`: the text ends before it can be told. `no`: not this form. */
export type ParsedImage = InlineImage | { readonly kind: 'more' } | { readonly kind: 'no' };

const MAX_ALT_CHARS = 1_000;
const MAX_DESTINATION_CHARS = 8_192;
const MAX_DEPTH = 8;
const MORE = { kind: 'more' } as const;
const NO = { kind: 'no' } as const;
const CLOSING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '(': ')' };

/** A piece of the text and where it ends; null: not there; `more`: not yet. */
type Piece = { readonly text: string; readonly end: number } | 'more' | null;

/** @param at the index of the `[`. */
export function parseImage(text: string, at: number): ParsedImage {
  const alt = readBracket(text, at + 1, ']', '[', MAX_ALT_CHARS);
  if (alt === 'more') return MORE;
  if (alt === null) return NO;
  if (alt.end >= text.length) return MORE;
  if (text[alt.end] !== '(') return NO;
  const from = skipSpace(text, alt.end + 1);
  if (from >= text.length) return MORE;
  const destination = text[from] === '<' ? readPointed(text, from + 1) : readBare(text, from);
  if (destination === 'more') return MORE;
  if (destination === null) return NO;
  const end = readEnd(text, destination.end);
  if (typeof end !== 'number') return end;
  return { kind: 'image', end, alt: alt.text, destination: destination.text };
}

/** What follows the destination: a title or none, and the closing bracket. */
function readEnd(text: string, from: number): number | typeof MORE | typeof NO {
  const at = skipSpace(text, from);
  const opening = text[at];
  if (opening === undefined) return MORE;
  if (opening === ')') return at + 1;
  const closing = CLOSING[opening];
  if (at === from || closing === undefined) return NO;
  const title = readBracket(text, at + 1, closing, null, MAX_ALT_CHARS);
  if (title === 'more') return MORE;
  if (title === null) return NO;
  const last = skipSpace(text, title.end);
  if (last >= text.length) return MORE;
  return text[last] === ')' ? last + 1 : NO;
}

function readBracket(text: string, from: number, closing: string, refused: string | null, maxChars: number): Piece {
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === closing) return { text: text.slice(from, at), end: at + 1 };
    if (character === refused || at - from > maxChars || text.startsWith('\n\n', at)) return null;
    if (character === '\\') at += 1;
  }
  return 'more';
}

function readPointed(text: string, from: number): Piece {
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '>') return { text: text.slice(from, at), end: at + 1 };
    if (character === '<' || character === '\n' || at - from > MAX_DESTINATION_CHARS) return null;
    if (character === '\\') at += 1;
  }
  return 'more';
}

function readBare(text: string, from: number): Piece {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (/\s/.test(character) || (character === ')' && depth === 0)) return { text: text.slice(from, at), end: at };
    if (character === '<' || character < ' ' || at - from > MAX_DESTINATION_CHARS) return null;
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (depth > MAX_DEPTH) return null;
    if (character === '\\') at += 1;
  }
  return 'more';
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /[ \t\r\n]/.test(text.charAt(at))) at += 1;
  return at;
}
