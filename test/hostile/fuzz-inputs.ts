/** Made-up inputs: valid ones changed at random, in ways that parsers and checks trip over. */
import fc from 'fast-check';

/** What stands where a value stood. */
const LEAVES: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1.5, 1e308, -1e308, Number.MAX_SAFE_INTEGER + 1, '', ' ', '0', 'null', '__proto__'],
  ...[[], {}, [[]], [null], { length: 1e9 }, { toString: 'x', valueOf: 'x' }, { then: 'x' }, { toJSON: 'x' }],
  ...[
    '\u202e\u2028',
    '\ud800',
    'a'.repeat(70_000),
    '𐀀'.repeat(300),
    '../../etc/passwd',
    'data:text/html,x',
    'javascript:1',
  ],
  ...['resp_0', 'conv_0', 'msg_0', 'file_0', 'call_0', '${7*7}', '{{7*7}}', "' or 1=1 --", 'input_image', 'file://etc'],
];
const NAMES: readonly string[] = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'hasOwnProperty',
    'toString',
    '',
    ' ',
    'type',
    'role',
    'content',
    'input',
  ],
  ...[
    'id',
    'stream',
    'background',
    'store',
    'previous_response_id',
    'conversation',
    'model',
    'turnstone',
    'tools',
    '$ref',
  ],
];
const leaf = fc.oneof(fc.constantFrom(...LEAVES), fc.jsonValue({ maxDepth: 3 }));

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const inner = Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]));
  return [path, ...inner];
}

interface Change {
  readonly at: number;
  readonly how: 'replace' | 'remove' | 'add' | 'wrap';
  readonly name: string;
  readonly value: unknown;
}

/** Defined, not assigned: `__proto__` is to be a field like others. */
function setField(target: object, name: string | number, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function applyChange(root: unknown, { at, how, name, value: given }: Change): unknown {
  // A copy: changes that follow must not reach into what other bodies share.
  const value = structuredClone(given);
  const paths = pathsOf(root);
  const path = paths[at % paths.length] ?? [];
  let parent: unknown = null;
  let node: unknown = root;
  for (const key of path) {
    parent = node;
    node = (node as Record<string | number, unknown>)[key];
  }
  if (how === 'add' && node !== null && typeof node === 'object') {
    setField(node, name, value);
    return root;
  }
  const next = how === 'wrap' ? [node, node] : value;
  const last = path.at(-1);
  if (parent === null || last === undefined) return how === 'remove' ? root : next;
  if (how === 'remove') Reflect.deleteProperty(parent as object, last);
  else setField(parent as object, last, next);
  return root;
}

/** The value with one to three of its parts replaced, removed, wrapped or joined by others. */
export function changedValue(valid: object): fc.Arbitrary<unknown> {
  const change = fc.record({
    at: fc.nat(1_000),
    how: fc.constantFrom('replace', 'replace', 'remove', 'add', 'add', 'wrap'),
    name: fc.constantFrom(...NAMES),
    value: leaf,
  }) as fc.Arbitrary<Change>;
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) => changes.reduce<unknown>(applyChange, structuredClone(valid)));
}

const PIECES: readonly string[] = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u',
    '\\u0000',
    '\\ud800',
    '\u0000',
    '\ufeff',
    '//',
    '/*',
    '1e999',
    '-',
    '+1',
  ],
  ...[
    'NaN',
    'undefined',
    '"__proto__":{"polluted":1},',
    '{"a":'.repeat(300),
    '['.repeat(300),
    '"a":1,'.repeat(300),
    '\r\n\r\n',
  ],
];

/** The text with one to four places cut, doubled, filled with pieces of syntax or with any bytes. */
export function changedText(valid: string): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    from: fc.nat(valid.length),
    length: fc.nat(40),
    how: fc.constantFrom('cut', 'double', 'piece', 'bytes', 'truncate'),
    piece: fc.constantFrom(...PIECES),
    bytes: fc.uint8Array({ maxLength: 8 }),
  });
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) =>
    changes.reduce<Buffer>((text, { from, length, how, piece, bytes }) => {
      const [head, middle, tail] = [
        text.subarray(0, from),
        text.subarray(from, from + length),
        text.subarray(from + length),
      ];
      if (how === 'cut') return Buffer.concat([head, tail]);
      if (how === 'double') return Buffer.concat([head, middle, middle, tail]);
      if (how === 'truncate') return Buffer.from(head);
      return Buffer.concat([head, how === 'piece' ? Buffer.from(piece) : bytes, tail]);
    }, Buffer.from(valid)),
  );
}

/** What could end an event, begin one or look like one. */
export const FRAMING: readonly string[] = [
  ...['\n', '\r', '\r\n', '\n\n', '\r\r', '\u2028', '\u2029', '\u0085', '\u000b', '\u000c', '\ufeff'],
  ...[
    'data: ',
    'data:[DONE]\n\n',
    'event: response.completed\n',
    'id: 999999\n',
    'retry: 1\n',
    ': ',
    '[DONE]',
    '"}',
    '\\n\\n',
  ],
  'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n',
  'data: {"choices":[{"delta":{"content":"forged"},"finish_reason":"stop"}]}\n\n',
];

/** The events a plain turn is made of. */
export const STREAM_NAMES: readonly string[] = [
  ...['response.created', 'response.queued', 'response.in_progress', 'response.completed'],
  ...[
    'response.output_item.added',
    'response.output_item.done',
    'response.content_part.added',
    'response.content_part.done',
  ],
  ...['response.output_text.delta', 'response.output_text.done'],
];
