/** What is known about a request while it is handled. One object per request, kept in `res.locals`. */
import type { Response } from 'express';
import { failure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Scope } from '../domain/scope.js';
import type { SecretText } from './provider-key.js';

export interface Caller {
  readonly keyId: string;
  readonly scope: Scope;
  /** Asks the store: false once the key is revoked or expired. For requests that stay open. */
  readonly stillValid: () => Promise<boolean>;
}

export interface RequestContext {
  readonly requestId: string;
  readonly startedAtMs: number;
  logger: Logger;
  /** Null on routes that are open. */
  caller: Caller | null;
  /** A provider key that came with the request; null: none. */
  providerKey: SecretText | null;
  /** How a failure looks to a person, on routes that a browser opens; null: failures are JSON. */
  errorPage: ((problem: Failure) => string) | null;
  /** The route's path template, for logs and metrics; null until a route took the request. */
  route: string | null;
}

const KEY = 'turnstoneRequest';

export function bindContext(res: Response, context: RequestContext): void {
  res.locals[KEY] = context;
}

export function contextOf(res: Response): RequestContext {
  const context = res.locals[KEY] as RequestContext | undefined;
  if (context === undefined) throw failure('server.internal', 'A handler ran before the request context was bound.');
  return context;
}

export function callerOf(res: Response): Caller {
  const { caller } = contextOf(res);
  if (caller === null) throw failure('auth.missing', 'This route needs an API key.');
  return caller;
}
