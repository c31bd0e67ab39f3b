/** What no JSON body may hold, whatever its schema: names that reach prototypes, text a database cannot keep, sheer size. */
import { failure } from '../../domain/failures.js';

export const MAX_DEPTH = 64;
export const MAX_KEYS = 100_000;
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
/** With the u flag a surrogate only matches where it stands alone. */
const LONE_SURROGATE = /\p{Surrogate}/u;

interface Visit {
  readonly value: unknown;
  readonly path: string;
}

function checkText(text: string, path: string): void {
  const problem = text.includes('\0')
    ? 'the character U+0000'
    : LONE_SURROGATE.test(text)
      ? 'half of a surrogate pair, which is no character'
      : null;
  if (problem === null) return;
  throw failure('request.invalid', `'${path}' holds ${problem}. Remove it or send the text as well-formed Unicode.`, {
    param: path,
  });
}

function childrenOf(value: object, path: string): Visit[] {
  if (Array.isArray(value)) return value.map((inner: unknown, index) => ({ value: inner, path: `${path}[${index}]` }));
  return Object.entries(value).map(([key, inner]: [string, unknown]) => {
    const inside = path === '' ? key : `${path}.${key}`;
    if (FORBIDDEN_KEYS.has(key)) {
      throw failure('request.invalid', `'${inside}' is a field name that is not accepted. Rename or remove it.`, {
        param: inside,
      });
    }
    checkText(key, inside);
    return { value: inner, path: inside };
  });
}

/** Walks without recursion. @throws `request.invalid` naming the path. */
export function guardJson(root: unknown): void {
  const open: Visit[] = [{ value: root, path: '' }];
  let seen = 0;
  for (let visit = open.pop(); visit !== undefined; visit = open.pop()) {
    const { value, path } = visit;
    if (typeof value === 'string') checkText(value, path);
    if (typeof value !== 'object' || value === null) continue;
    seen += Array.isArray(value) ? value.length : Object.keys(value).length;
    if (seen > MAX_KEYS) {
      throw failure(
        'request.invalid',
        `The body has more than ${MAX_KEYS} fields and list entries. Send less in one request.`,
      );
    }
    for (const child of childrenOf(value, path)) open.push(child);
  }
}
