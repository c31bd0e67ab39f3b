/** What a tag in a model's text would make a browser load. Pure; in doubt a tag loads something. */

export type ReadTag =
  | { readonly kind: 'more' }
  /** Not a tag, or one that loads nothing by itself: it stays. */
  | { readonly kind: 'harmless' }
  | { readonly kind: 'image'; readonly end: number; readonly source: string; readonly alt: string }
  /** Loads something, or may: its `<` is written as text. */
  | { readonly kind: 'loading' };

/** Longer tags are not waited for. */
const MAX_TAG_CHARS = 2_000;
const LOADING_TAGS =
  /<(?:img|image|picture|source|video|audio|track|iframe|frame|frameset|object|embed|applet|link|style|svg|math|base|meta|script|input|body|bgsound|portal|fencedframe|template|noscript|xml)(?![a-z0-9-])/i;
const LOADING_ATTRIBUTES =
  /[\s"'/](?:src|srcset|imagesrcset|style|background|poster|data|xlink:href|action|formaction|ping|manifest|lowsrc|dynsrc|codebase|archive|classid|profile|http-equiv|is|on[a-z]+)\s*=/i;
const ADDRESS = /[\s"'/]href\s*=/i;
const CSS = /url\s*\(|@import|image-set\s*\(/i;
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g;

/** @param at the index of the `<`, behind which a letter stands. @param over no more text will come. */
export function readTag(text: string, at: number, over: boolean): ReadTag {
  const end = tagEnd(text, at + 1);
  if (end === -1 && !over) return text.length - at <= MAX_TAG_CHARS ? { kind: 'more' } : { kind: 'loading' };
  const tag = text.slice(at, end === -1 ? text.length : end);
  // Beyond reach: what is still to come cannot be looked at.
  if (tag.length > MAX_TAG_CHARS) return { kind: 'loading' };
  if (end !== -1 && /^<img[\s/]/i.test(tag)) return readImage(tag, end);
  return loadsSomething(tag) ? { kind: 'loading' } : { kind: 'harmless' };
}

function loadsSomething(tag: string): boolean {
  if (LOADING_TAGS.test(tag) || LOADING_ATTRIBUTES.test(tag) || CSS.test(tag)) return true;
  return ADDRESS.test(tag) && !/^<a\s/i.test(tag);
}

/**
 * Behind the tag by the browser's reading and by that of readers who take every quote for one, whichever is later: what either
 * would still count in is looked at. -1: one of them sees no end.
 */
function tagEnd(text: string, from: number): number {
  const ends = [endByQuotes(text, from), endByStates(text, from)];
  return ends.includes(-1) ? -1 : Math.max(...ends);
}

function endByQuotes(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length && at - from <= MAX_TAG_CHARS; at += 1) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at + 1;
  }
  return -1;
}

type State = 'name' | 'before value' | 'bare value' | '"' | "'";

/** The states of the HTML standard that decide which `>` ends a tag. */
function endByStates(text: string, from: number): number {
  let state: State = 'name';
  for (let at = from; at < text.length && at - from <= MAX_TAG_CHARS; at += 1) {
    const character = text.charAt(at);
    const quoted: boolean = state === '"' || state === "'";
    if (character === '>' && !quoted) return at + 1;
    state = nextState(state, character);
  }
  return -1;
}

function nextState(state: State, character: string): State {
  const isSpace = /[\t\n\f\r ]/.test(character);
  switch (state) {
    case 'name':
      return character === '=' ? 'before value' : 'name';
    case 'before value':
      if (isSpace) return state;
      return character === '"' || character === "'" ? character : 'bare value';
    case 'bare value':
      return isSpace ? 'name' : state;
    case '"':
    case "'":
      return character === state ? 'name' : state;
  }
}

function readImage(tag: string, end: number): ReadTag {
  const inside = tag.slice('<img'.length, -1);
  if (inside.includes('<') || inside.includes('>')) return { kind: 'loading' };
  const values = new Map<string, string>();
  for (const [, name = '', double, single, bare] of inside.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase();
    if (!values.has(key)) values.set(key, double ?? single ?? bare ?? '');
  }
  const source = values.get('src');
  return source === undefined ? { kind: 'loading' } : { kind: 'image', end, source, alt: values.get('alt') ?? '' };
}
