/** Reads a bounded body whole and hands its bytes to whoever knows its format. Sets `req.body`. */
import express from 'express';
import type { Request, RequestHandler } from 'express';
import { failure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';

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

/** The media type without its parameters, in lower case; empty: none was sent. */
export function mediaTypeOf(req: Request): string {
  return (req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** @param parse what `req.body` becomes; not called for an empty body, which is undefined. May throw failures. */
export function createBodyReader(limitBytes: number, parse: (req: Request, bytes: Buffer) => unknown): RequestHandler {
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
        req.body = Buffer.isBuffer(bytes) && bytes.length > 0 ? parse(req, bytes) : undefined;
        next();
      } catch (refused) {
        next(refused);
      }
    });
  };
}
