/** Bodies of JSON, and forms of pages: bounded, typed, well-formed, not too deep, free of dangerous names. Sets `req.body`. */
import type { RequestHandler } from 'express';
import { failure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
import { createBodyReader, mediaTypeOf } from './body-reader.js';
import { guardJson, MAX_DEPTH } from './json-guard.js';
import { findJsonMistake, jsonDepth } from './json-syntax.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

function parseText(text: string): unknown {
  if (jsonDepth(text, MAX_DEPTH + 1) > MAX_DEPTH) {
    throw failure('request.invalid', `The body nests deeper than ${MAX_DEPTH} levels. Flatten it.`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const mistake = findJsonMistake(text);
    const where =
      mistake === null
        ? ''
        : ` at line ${mistake.line}, column ${mistake.column} (position ${mistake.offset}): ${mistake.problem}`;
    throw failure('request.malformed-json', `The body is not valid JSON${where}.`, { cause: error });
  }
}

const isJson = (type: string): boolean => type === 'application/json' || /^application\/[\w.-]+\+json$/.test(type);

function decode(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw failure('request.malformed-json', 'The body is not valid UTF-8. Send JSON encoded as UTF-8.', {
      cause: error,
    });
  }
}

function readJson(bytes: Buffer): unknown {
  const value = parseText(decode(bytes));
  guardJson(value);
  return value;
}

function unsupported(type: string, supported: string): Failure {
  const sent = `The Content-Type '${type.slice(0, 100)}' is not supported.`;
  return failure('request.unsupported-media-type', `${sent} Send ${supported}.`);
}

export function createJsonBody(limitBytes: number): RequestHandler {
  return createBodyReader(limitBytes, (req, bytes) => {
    const type = mediaTypeOf(req);
    if (isJson(type)) return readJson(bytes);
    throw unsupported(type, 'application/json');
  });
}

/** Fields of a form as an object of texts; an empty one counts as left out, as browsers send what was not filled in. */
function readForm(bytes: Buffer): unknown {
  const fields = Object.create(null) as Record<string, string>;
  for (const [name, text] of new URLSearchParams(decode(bytes))) {
    if (Object.hasOwn(fields, name)) {
      throw failure('request.invalid', `'${name.slice(0, 100)}' stands twice in the form. Send it once.`, {
        param: name.slice(0, 100),
      });
    }
    if (text !== '') fields[name] = text;
  }
  guardJson(fields);
  return { ...fields };
}

/** For pages: the form a browser sends, or the same fields as JSON. */
export function createFormOrJsonBody(limitBytes: number): RequestHandler {
  return createBodyReader(limitBytes, (req, bytes) => {
    const type = mediaTypeOf(req);
    if (type === 'application/x-www-form-urlencoded') return readForm(bytes);
    if (isJson(type)) return readJson(bytes);
    throw unsupported(type, 'application/x-www-form-urlencoded or application/json');
  });
}
