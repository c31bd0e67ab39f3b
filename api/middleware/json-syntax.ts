/**
 * A JSON reader that builds nothing: it finds the place of the first mistake, which JSON.parse does not always say, and
 * how deep the text nests, without recursion, so that neither can be used to exhaust the stack.
 */
export interface JsonMistake {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly problem: string;
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** @returns the offset after the string, or the negative offset of the mistake minus one. */
function skipString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 34) return at + 1;
    if (code < 32) return -at - 1;
    if (code !== 92) at += 1;
    else {
      const after = skip(ESCAPE, text, at);
      if (after === at) return -at - 1;
      at = after;
    }
  }
  return -at - 1;
}

type Expecting = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing';

const WANTED: Readonly<Record<Expecting, string>> = {
  value: 'a value',
  'value-or-end': 'a value or ]',
  key: 'a key in double quotes',
  'key-or-end': 'a key in double quotes or }',
  colon: 'a colon',
  'comma-or-end': 'a comma or the closing bracket',
  nothing: 'the end of the text',
};

function mistakeAt(text: string, offset: number, problem: string): JsonMistake {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { offset, line, column: offset - before.lastIndexOf('\n'), problem };
}

interface Reader {
  readonly text: string;
  at: number;
  expecting: Expecting;
  readonly stack: string[];
}

const takesValue = (expecting: Expecting): boolean => expecting === 'value' || expecting === 'value-or-end';
const takesKey = (expecting: Expecting): boolean => expecting === 'key' || expecting === 'key-or-end';

function valueDone(reader: Reader, after: number): true {
  reader.expecting = reader.stack.length === 0 ? 'nothing' : 'comma-or-end';
  reader.at = after;
  return true;
}

function closes(char: string, { expecting, stack }: Reader): boolean {
  if (char === '}') return stack.at(-1) === '{' && (expecting === 'key-or-end' || expecting === 'comma-or-end');
  return char === ']' && stack.at(-1) === '[' && (expecting === 'value-or-end' || expecting === 'comma-or-end');
}

/** Each reader below takes what begins at `at`, or says that it is not its kind of thing there. */
function readBracket(reader: Reader, char: string): boolean {
  if (closes(char, reader)) {
    reader.stack.pop();
    return valueDone(reader, reader.at + 1);
  }
  if ((char !== '{' && char !== '[') || !takesValue(reader.expecting)) return false;
  reader.stack.push(char);
  reader.expecting = char === '{' ? 'key-or-end' : 'value-or-end';
  reader.at += 1;
  return true;
}

function readPunctuation(reader: Reader, char: string): boolean {
  if (char === ':' && reader.expecting === 'colon') reader.expecting = 'value';
  else if (char === ',' && reader.expecting === 'comma-or-end')
    reader.expecting = reader.stack.at(-1) === '{' ? 'key' : 'value';
  else return false;
  reader.at += 1;
  return true;
}

function readScalar(reader: Reader): boolean {
  if (!takesValue(reader.expecting)) return false;
  const after = skip(SCALAR, reader.text, reader.at);
  return after !== reader.at && valueDone(reader, after);
}

/** @returns the mistake inside the string, or null when it was taken. */
function readString(reader: Reader): JsonMistake | null {
  const after = skipString(reader.text, reader.at);
  if (after < 0)
    return mistakeAt(reader.text, -after - 1, 'the string is not closed or holds a character that must be escaped');
  if (!takesKey(reader.expecting)) valueDone(reader, after);
  else {
    reader.expecting = 'colon';
    reader.at = after;
  }
  return null;
}

/** Where a text stops being JSON; null when it is JSON. */
export function findJsonMistake(text: string): JsonMistake | null {
  const reader: Reader = { text, at: 0, expecting: 'value', stack: [] };
  for (;;) {
    reader.at = skip(SPACE, text, reader.at);
    if (reader.at >= text.length) break;
    const char = text.charAt(reader.at);
    if (char === '"' && (takesValue(reader.expecting) || takesKey(reader.expecting))) {
      const mistake = readString(reader);
      if (mistake !== null) return mistake;
    } else if (!readBracket(reader, char) && !readPunctuation(reader, char) && !readScalar(reader)) {
      return mistakeAt(text, reader.at, `expected ${WANTED[reader.expecting]}, found ${JSON.stringify(char)}`);
    }
  }
  if (reader.expecting === 'nothing') return null;
  return mistakeAt(text, text.length, `the text ends where ${WANTED[reader.expecting]} was expected`);
}

/** The deepest nesting of brackets outside strings; stops counting at `stopAt`. */
export function jsonDepth(text: string, stopAt: number): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0, quoted = false; at < text.length && deepest < stopAt; at += 1) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 92) at += 1;
      else if (code === 34) quoted = false;
    } else if (code === 34) quoted = true;
    else if (code === 91 || code === 123) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === 93 || code === 125) depth -= 1;
  }
  return deepest;
}
