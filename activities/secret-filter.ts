/**
 * The last net for secrets of this process: text that a model or a tool made is searched for them before it is shown or
 * stored. What keeps secrets safe is that none is ever in a model's context; this finds out when that fails.
 */
import type { TextFilter } from './text-filter.js';

/** Shorter ones (`none`, `ollama`) are no secrets, and would be found in ordinary text. */
const MIN_SECRET_CHARS = 12;
export const BLANK = '[secret removed]';

export interface SecretNet {
  /**
   * @param before the character before the text, where it was shown already.
   * @returns the text without secrets; `found` says how many there were.
   */
  blank(text: string, before?: string): { readonly text: string; readonly found: number };
  /** The place from which the end of a text may be the beginning of a secret; its length when it is not. */
  holdFrom(text: string, before?: string): number;
}

/**
 * API keys of this server are known by their hash, so what looks like one is taken for one: `ts_`, 43 characters. A word, so that
 * long names in code (`events_are_…`) stay; 43 random characters are of both cases, names are not.
 */
const KEY = /(?<![\w-])ts_(?=[\w-]{0,42}[a-z])(?=[\w-]{0,42}[A-Z])[\w-]{43}/g;
const KEY_BEGUN = /(?<![\w-])ts?(?:(?<=ts)_[\w-]{0,42})?$/;
/** A key that was begun is shorter than this. */
const KEY_CHARS = 46;

function blankKeys(text: string, before: string, onFound: () => void): string {
  if (!text.includes('ts_')) return text;
  const blanked = (before + text).replace(KEY, (match, offset: number) => {
    // It begins in what was shown: in the middle of a word, else it would have been held.
    if (offset < before.length) return match;
    onFound();
    return BLANK;
  });
  return blanked.slice(before.length);
}

function keyBegunAt(text: string, before: string): number {
  const shown = text.length < KEY_CHARS ? before : '';
  const end = shown + text.slice(-KEY_CHARS);
  const at = end.search(KEY_BEGUN);
  return at < shown.length ? text.length : text.length - (end.length - at);
}

/** As they are, and as a model would write them out when it is told to hide them. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const base64 = bytes.toString('base64').replace(/={1,2}$/, '');
  return [secret, base64, bytes.toString('base64url'), bytes.toString('hex'), encodeURIComponent(secret)];
}

export function createSecretNet(secrets: readonly string[]): SecretNet {
  const known = secrets.map((secret) => secret.trim()).filter((secret) => secret.length >= MIN_SECRET_CHARS);
  const needles = [...new Set(known.flatMap(spellings).map((needle) => needle.toLowerCase()))];
  // The longest first: a key that begins like another one is taken whole.
  needles.sort((left, right) => right.length - left.length);
  const longest = needles[0]?.length ?? 0;
  const firsts = new Set(needles.map((needle) => needle.charAt(0)));
  const escaped = needles.map((needle) => needle.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = escaped.length === 0 ? null : new RegExp(escaped.join('|'), 'gi');
  const needleBegunAt = (text: string): number => {
    const lower = text.slice(-longest).toLowerCase();
    const offset = text.length - lower.length;
    for (let at = 0; at < lower.length; at += 1) {
      if (!firsts.has(lower.charAt(at))) continue;
      const end = lower.slice(at);
      if (needles.some((needle) => needle.startsWith(end))) return offset + at;
    }
    return text.length;
  };
  return {
    blank(text, before = '') {
      let found = 0;
      const count = (): string => {
        found += 1;
        return BLANK;
      };
      const known = pattern === null ? text : text.replace(pattern, count);
      return { text: blankKeys(known, before, count), found };
    },
    holdFrom: (text, before = '') =>
      Math.min(longest === 0 ? text.length : needleBegunAt(text), keyBegunAt(text, before)),
  };
}

/** Holds back what may be the beginning of a secret until the rest has come. @param onFound called with how many were blanked. */
export function createSecretFilter(net: SecretNet, onFound: (count: number) => void): TextFilter {
  let held = '';
  /** The last character that went out. */
  let before = '';
  const clean = (text: string): string => {
    const { text: blanked, found } = net.blank(text, before);
    if (found > 0) onFound(found);
    return blanked;
  };
  return {
    push(piece) {
      const text = clean(held + piece);
      const at = net.holdFrom(text, before);
      held = text.slice(at);
      const out = text.slice(0, at);
      if (out !== '') before = out.slice(-1);
      return out;
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}
