/** `Idempotency-Key`: the same key with the same body gives the turn it made before; another body is a conflict. */
import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { failure } from '../domain/failures.js';
import { canonicalJson } from '../domain/json.js';

export interface Idempotency {
  readonly idempotencyKey: string | null;
  readonly requestHash: string;
}

const KEY_FORM = /^[\x20-\x7e]{1,255}$/;

/** The route is part of the hash: the same body sent to another route is another request. */
export function readIdempotency(req: Request, operation: string, body: unknown): Idempotency {
  const sent = req.header('idempotency-key');
  if (sent !== undefined && !KEY_FORM.test(sent)) {
    throw failure('request.invalid', 'The Idempotency-Key must be 1 to 255 printable ASCII characters. Send a UUID.', {
      param: 'Idempotency-Key',
    });
  }
  const requestHash = createHash('sha256')
    .update(operation)
    .update('\n')
    .update(canonicalJson(body ?? {}))
    .digest('hex');
  return { idempotencyKey: sent ?? null, requestHash };
}
