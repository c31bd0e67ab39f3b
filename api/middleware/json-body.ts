/** Reads a JSON body: bounded, typed, well-formed, not too deep, free of dangerous names. Sets `req.body`. */
import express from 'express';
import type { Request, RequestHandler } from 'express';
import { failure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
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

function tooLarge(limitBytes: number, cause?: Error): Failure {
  return failure(
    'request.too-large',
    `The body is larger than ${limitBytes} bytes. Send less, or upload files separately.`,
    { cause },
  );
}

/** Errors of the body reader carry an HTTP status and a type; they become rows of the failure table. */
function toBodyFailure(error: Error & { status?: number; type?: string }, limitBytes: number): Failure | Error {
  if (error.status === 413) {
    return tooLarge(limitBytes, error);
  }
  if (error.status === 415) {
    return failure(
      'request.unsupported-media-type',
      'The Content-Encoding is not supported. Use gzip, deflate, br or none.',
      { cause: error },
    );
  }
  const isCallers = error.status !== undefined && error.status >= 400 && error.status < 500;
  return isCallers
    ? failure('request.invalid', `The body could not be read: ${error.message}.`, { cause: error })
    : error;
}

function checkContentType(req: Request): void {
  const type = (req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json' || /^application\/[\w.-]+\+json$/.test(type)) return;
  throw failure(
    'request.unsupported-media-type',
    `The Content-Type '${type.slice(0, 100)}' is not supported. Send application/json.`,
  );
}

function decode(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw failure('request.malformed-json', 'The body is not valid UTF-8. Send JSON encoded as UTF-8.', {
      cause: error,
    });
  }
}

export function createJsonBody(limitBytes: number): RequestHandler {
  const read = express.raw({ type: () => true, limit: limitBytes });
  return (req, res, next) => {
    // The reader would take the whole body first, to throw it away: an announced one is not waited for.
    if (Number(req.header('content-length') ?? 0) > limitBytes) {
      res.setHeader('Connection', 'close');
      next(tooLarge(limitBytes));
      return;
    }
    read(req, res, (error?: unknown) => {
      if (error instanceof Error) {
        next(toBodyFailure(error, limitBytes));
        return;
      }
      try {
        const bytes: unknown = req.body;
        if (!Buffer.isBuffer(bytes) || bytes.length === 0) req.body = undefined;
        else {
          checkContentType(req);
          const value = parseText(decode(bytes));
          guardJson(value);
          req.body = value;
        }
        next();
      } catch (refused) {
        next(refused);
      }
    });
  };
}
