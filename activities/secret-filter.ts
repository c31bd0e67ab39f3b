/**
 * The last net for secrets of this process: text that a model or a tool made is searched for them before it is shown or
 * stored. What keeps secrets safe is that none is ever in a model's context; this finds out when that fails.
 */
import type { TextFilter } from './text-filter.js';

/** Shorter ones (`none`, `ollama`) are no secrets, and would be found in ordinary text. */
const MIN_SECRET_CHARS = 12;
export const BLANK = '[secret removed]';

export interface SecretNet {
  /** @returns the text without secrets; `found` says how many there were. */
  blank(text: string): { readonly text: string; readonly found: number };
  /** The place from which the end of a text may be the beginning of a secret; its length when it is not. */
  holdFrom(text: string): number;
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
  if (needles.length === 0) return { blank: (text) => ({ text, found: 0 }), holdFrom: (text) => text.length };
  // The longest first: a key that begins like another one is taken whole.
  needles.sort((left, right) => right.length - left.length);
  const longest = needles[0]?.length ?? 0;
  const firsts = new Set(needles.map((needle) => needle.charAt(0)));
  const pattern = new RegExp(needles.map((needle) => needle.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'gi');
  return {
    blank(text) {
      let found = 0;
      const blanked = text.replace(pattern, () => {
        found += 1;
        return BLANK;
      });
      return { text: blanked, found };
    },
    holdFrom(text) {
      const lower = text.slice(-longest).toLowerCase();
      const offset = text.length - lower.length;
      for (let at = 0; at < lower.length; at += 1) {
        if (!firsts.has(lower.charAt(at))) continue;
        const end = lower.slice(at);
        if (needles.some((needle) => needle.startsWith(end))) return offset + at;
      }
      return text.length;
    },
  };
}

/** Holds back what may be the beginning of a secret until the rest has come. @param onFound called with how many were blanked. */
export function createSecretFilter(net: SecretNet, onFound: (count: number) => void): TextFilter {
  let held = '';
  const clean = (text: string): string => {
    const { text: blanked, found } = net.blank(text);
    if (found > 0) onFound(found);
    return blanked;
  };
  return {
    push(piece) {
      const text = clean(held + piece);
      const at = net.holdFrom(text);
      held = text.slice(at);
      return text.slice(0, at);
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}
