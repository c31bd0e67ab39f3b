/** Watches who an answer is for while it stays open: the client may leave, its key may be revoked, the server may drain. */
import type { Response } from 'express';
import { failure } from '../domain/failures.js';
import type { ApiDeps } from './api-deps.js';
import { callerOf, contextOf } from './request-context.js';

/** With the age of what a check may be told, a revoked key loses its open answers within 5 s. */
const CHECK_MS = 2_500;

export type GuardReason = 'client' | 'key' | 'draining';

export interface ConnectionGuard {
  /** Aborted with a `GuardReason`. */
  readonly signal: AbortSignal;
  /** Why it was aborted; null while it is not. */
  reason(): GuardReason | null;
  /** Call it at the end. */
  release(): void;
}

/** @param endWhenDraining streams end then, since the reader can come back; a waiting request has nothing to come back with. */
export function guardConnection(deps: ApiDeps, res: Response, endWhenDraining: boolean): ConnectionGuard {
  const { logger } = contextOf(res);
  const { stillValid } = callerOf(res);
  const stop = new AbortController();
  const end = (reason: GuardReason): void => stop.abort(reason);
  const closed = (): void => end('client');
  const check = async (): Promise<void> => {
    if (endWhenDraining && deps.isDraining()) {
      end('draining');
      return;
    }
    if (await stillValid()) return;
    logger.info({}, 'an open answer is ended: the API key is no longer valid');
    end('key');
  };
  const timer = setInterval(() => {
    check().catch((error: unknown) =>
      logger.warn({ err: error }, 'the API key of an open answer could not be checked'),
    );
  }, CHECK_MS);
  res.once('close', closed);
  if (res.destroyed) end('client');
  return {
    signal: stop.signal,
    reason: () => (stop.signal.aborted ? (stop.signal.reason as GuardReason) : null),
    release: () => {
      clearInterval(timer);
      res.off('close', closed);
    },
  };
}

export function keyEnded(): Error {
  return failure('auth.invalid', 'The API key was revoked or has expired while the answer was open.');
}
