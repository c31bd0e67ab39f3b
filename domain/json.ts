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

/** The first `maxBytes` bytes of a text, cut at a character, with an ellipsis when something was left out. */
export function preview(text: string, maxBytes: number): string {
  const oneLine = text.replace(/\s+/g, ' ').trim();
  if (new TextEncoder().encode(oneLine).length <= maxBytes) return oneLine;
  let cut = oneLine.slice(0, maxBytes);
  while (new TextEncoder().encode(cut).length > maxBytes - 3) cut = cut.slice(0, -1);
  return `${cut}…`;
}
