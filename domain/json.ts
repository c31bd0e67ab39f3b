/** JSON as types, and the one way to hash or measure it. Zod-free. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** JSON text with sorted keys, so that equal values give equal text whatever order they were built in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    return Object.fromEntries(entries);
  });
}

/** The first `maxBytes` bytes (UTF-8) of a text on one line, cut at a character, with an ellipsis when something was cut. */
export function preview(text: string, maxBytes: number): string {
  const ELLIPSIS_BYTES = 3;
  const oneLine = text
    .slice(0, maxBytes * 2)
    .replace(/\s+/g, ' ')
    .trim();
  let kept = '';
  let bytes = 0;
  for (const character of oneLine) {
    bytes += utf8Bytes(character);
    if (bytes > maxBytes - ELLIPSIS_BYTES) return `${kept}…`;
    kept += character;
  }
  return kept;
}

/** By hand, because workflow code (which imports this file's types) has no TextEncoder. */
function utf8Bytes(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}

/** Text as every part of the product can hold it: NUL and half a surrogate pair become U+FFFD (no database stores them). */
export function storableText(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, '\uFFFD');
}
