/**
 * Remote images in a model's text: what a reader's browser would fetch by itself tells whoever owns the address what stands in
 * it. Markdown and HTML images of hosts that are not allowed are fetched through this server instead, or, in a turn that has
 * seen untrusted content, become links that somebody must click. Everything else that loads by itself becomes text.
 */
import { plainAddress, readImageAddress } from './image-address.js';
import { parseImage } from './image-syntax.js';
import { fenceStep } from './code-fence.js';
import { readTag } from './html-tag.js';
import type { TextFilter } from './text-filter.js';

export interface ImageFilterOptions {
  readonly tainted: boolean;
  isAllowedHost(url: URL): boolean;
  /** The address stands in the user's own words: its query is the user's. */
  isUsersOwn(url: URL): boolean;
  /** Where the image is shown from; null: this server signs no such links. */
  proxied(url: string): string | null;
}

/** Held back at most; a longer image is none. */
const MAX_HELD_CHARS = 12_000;
/** Outside code, only these begin something. In a tainted turn nothing counts as code: renderers differ in what they take for it. */
const SPECIAL = /[!<]/g;
const SPECIAL_OR_CODE = /[!<`~\n]/g;
/** Paths and inline images that every program reads alike. */
const PLAIN_LOCAL = /^(\/?[\w.-]+(\/[\w.-]+)*|data:image\/(png|jpeg|gif|webp|avif);base64,[\w+/=]*)$/;
const IDENTIFIER_END = /[\w$)\]]$/;

/** What a look at one place gives: text to go out and where to go on; null: not enough text yet. */
type Step = { readonly out: string; readonly end: number } | null;

interface Scan {
  readonly options: ImageFilterOptions;
  readonly text: string;
  readonly over: boolean;
  /** The last characters that went out, for what stands before a place. */
  readonly before: string;
}

export function createImageFilter(options: ImageFilterOptions): TextFilter {
  let held = '';
  let before = '';
  let fence: string | null = null;

  const run = (text: string, over: boolean): string => {
    let out = '';
    let at = 0;
    while (at < text.length) {
      const scan = { options, text, over, before: (before + out).slice(-2) };
      const code = options.tainted
        ? null
        : fenceStep({ text, over, at, fence, atLineStart: /(^|\n)$/.test(scan.before) });
      if (code === 'more') break;
      const step = code === null ? plainStep(scan, at) : { out: text.slice(at, code.end), end: code.end };
      if (step === null) break;
      if (code !== null) ({ fence } = code);
      out += step.out;
      at = step.end;
    }
    held = text.slice(at);
    before = (before + out).slice(-2);
    return out;
  };

  return { push: (piece) => run(held + piece, false), end: () => run(held, true) };
}

/** Up to the next place where something may begin, or what begins here. */
function plainStep(scan: Scan, at: number): Step {
  const next = nextSpecial(scan.options.tainted, scan.text, at);
  return next > at ? { out: scan.text.slice(at, next), end: next } : stepAt(scan, at);
}

function nextSpecial(tainted: boolean, text: string, from: number): number {
  const pattern = tainted ? SPECIAL : SPECIAL_OR_CODE;
  pattern.lastIndex = from;
  const found = pattern.exec(text);
  if (found === null) return text.length;
  // The line's end goes out with the line; what follows is looked at as the beginning of the next.
  return found[0] === '\n' ? Math.max(from, found.index + 1) : found.index;
}

function stepAt(scan: Scan, at: number): Step {
  const character = scan.text.charAt(at);
  if (character === '!') return bangStep(scan, at);
  if (character === '<') return tagStep(scan, at);
  if (character === '`') return codeSpanStep(scan, at);
  return { out: character, end: at + 1 };
}

/** Code within a line stays as it is, in a turn without untrusted content. */
function codeSpanStep({ text, over }: Scan, at: number): Step {
  const ticks = /^`+/.exec(text.slice(at))?.[0] ?? '`';
  const newline = text.indexOf('\n', at);
  const line = text.slice(at, newline === -1 ? text.length : newline);
  const rest = line.slice(ticks.length);
  const closing = [...rest.matchAll(/`+/g)].find((each) => {
    const isWhole = each.index + each[0].length < rest.length || newline !== -1 || over;
    return each[0].length === ticks.length && isWhole;
  });
  if (closing !== undefined) {
    const end = at + ticks.length + closing.index + ticks.length;
    return { out: text.slice(at, end), end };
  }
  if (newline === -1 && !over && line.length <= MAX_HELD_CHARS) return null;
  return { out: ticks, end: at + ticks.length };
}

function bangStep(scan: Scan, at: number): Step {
  const { text, over } = scan;
  let bracket = at;
  while (text.charAt(bracket) === '!') bracket += 1;
  if (bracket >= text.length) return over ? { out: text.slice(at), end: bracket } : null;
  if (text.charAt(bracket) !== '[') return { out: text.slice(at, bracket), end: bracket };
  const image = parseImage(text, bracket);
  if (image.kind === 'image') {
    const shown = showImage(scan.options, image.alt, image.destination, text.slice(bracket - 1, image.end));
    if (shown !== null) return { out: shown, end: image.end };
  }
  if (image.kind === 'more' && !over && text.length - at <= MAX_HELD_CHARS) return null;
  return withoutBang(scan, at, bracket);
}

/** An image in a form that is not understood: without the `!` it is a link at most. */
function withoutBang({ options, text, over, before }: Scan, at: number, bracket: number): Step {
  const asItIs = { out: text.slice(at, bracket + 1), end: bracket + 1 };
  const asLink = { out: '[', end: bracket + 1 };
  if (options.tainted || bracket - at > 1 || !IDENTIFIER_END.test(before)) return asLink;
  // `items![0]` of some program: an image only if a definition `[0]: …` stood somewhere.
  const close = text.indexOf(']', bracket);
  if (close === -1 || (close + 1 >= text.length && !over)) return over ? asItIs : asLink;
  return /^[[(]/.test(text.slice(close + 1)) ? asLink : asItIs;
}

function showImage(options: ImageFilterOptions, alt: string, destination: string, original: string): string | null {
  const address = readImageAddress(destination);
  if (address.kind === 'unclear') return null;
  // The text in the brackets is not looked at again: nothing in it may begin a tag. Written out, not removed, because what
  // stood apart must not come together.
  const plainAlt = alt.replaceAll('<', '&lt;').replaceAll('`', '&#96;');
  if (address.kind === 'local') {
    if (!options.tainted) return original;
    return PLAIN_LOCAL.test(destination) ? `![${plainAlt}](${destination})` : null;
  }
  const shown = shownAddress(options, address.url);
  return shown.isImage
    ? `![${plainAlt}](${shown.address})`
    : `[image from ${address.url.host}: ${plainAlt}](${shown.address})`;
}

interface ShownAddress {
  readonly address: string;
  readonly isImage: boolean;
}

function shownAddress(options: ImageFilterOptions, url: URL): ShownAddress {
  const bare = new URL(url);
  bare.search = '';
  const isOwn = options.isUsersOwn(url);
  if (options.isAllowedHost(url)) {
    return { address: plainAddress(options.tainted && !isOwn ? bare : url), isImage: true };
  }
  const proxied = options.proxied(isOwn ? url.href : bare.href);
  if (proxied === null) return { address: plainAddress(url), isImage: false };
  return { address: proxied, isImage: !options.tainted };
}

function tagStep({ options, text, over, before }: Scan, at: number): Step {
  const next = text.charAt(at + 1);
  if (next === '' && !over) return null;
  if (!/[a-z]/i.test(next)) return { out: '<', end: at + 1 };
  const tag = readTag(text, at, over);
  if (tag.kind === 'more') return null;
  // What is inside is looked at like all text: it is no tag to every renderer.
  if (tag.kind === 'harmless') return { out: '<', end: at + 1 };
  const image = tag.kind === 'image' ? showHtmlImage(options, tag.source, tag.alt) : null;
  if (image === null || tag.kind !== 'image') return { out: '&lt;', end: at + 1 };
  // Behind a `!` a link would be an image.
  return { out: image.startsWith('[') && before.endsWith('!') ? ` ${image}` : image, end: tag.end };
}

function showHtmlImage(options: ImageFilterOptions, source: string, alt: string): string | null {
  const address = readImageAddress(source);
  if (address.kind !== 'remote') return null;
  const plainAlt = alt.replace(/[<>"'`[\]!\\]/g, '');
  const shown = shownAddress(options, address.url);
  return shown.isImage
    ? `<img src="${shown.address}" alt="${plainAlt}">`
    : `[image from ${address.url.host}: ${plainAlt}](${shown.address})`;
}
