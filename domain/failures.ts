/**
 * The one table of failures. Zod-free and Node-free: workflows import it.
 *
 * Adapters classify vendor errors once, at the edge, into one of these codes; a code (a string) crosses every boundary,
 * an error class never does. `retryable` is what Temporal's retry policy obeys, `fallback` says that the next model of a
 * chain may be tried, `httpStatus` and `type` are what the API answers.
 */
export type FailureType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'conflict_error'
  | 'rate_limit_error'
  | 'server_error';

export interface FailureRule {
  readonly httpStatus: number;
  readonly type: FailureType;
  /** Temporal may try the same activity again. */
  readonly retryable: boolean;
  /** The next model of the fallback chain may be tried at once. */
  readonly fallback: boolean;
  readonly title: string;
}

const rule = (
  httpStatus: number,
  type: FailureType,
  title: string,
  flags: { retryable?: boolean; fallback?: boolean } = {},
): FailureRule => ({ httpStatus, type, title, retryable: flags.retryable ?? false, fallback: flags.fallback ?? false });

const passing = { retryable: true, fallback: true };

export const FAILURES = {
  'request.invalid': rule(400, 'invalid_request_error', 'The request is not valid'),
  'request.malformed-json': rule(400, 'invalid_request_error', 'The body is not valid JSON'),
  'request.too-large': rule(413, 'invalid_request_error', 'The request is too large'),
  'request.unsupported-media-type': rule(415, 'invalid_request_error', 'The content type is not supported'),
  'request.not-found': rule(404, 'not_found_error', 'No such route'),
  'request.method-not-allowed': rule(405, 'invalid_request_error', 'The route does not take this method'),
  'request.idempotency-mismatch': rule(409, 'conflict_error', 'The Idempotency-Key was used with another body'),
  'request.not-available': rule(501, 'invalid_request_error', 'This server cannot do that'),
  'request.rate-limited': rule(429, 'rate_limit_error', 'Too many requests'),
  'auth.missing': rule(401, 'authentication_error', 'No API key was sent'),
  'auth.invalid': rule(401, 'authentication_error', 'The API key is not valid'),
  'auth.forbidden': rule(403, 'permission_error', 'The API key may not do this'),
  'user.revoked': rule(403, 'permission_error', 'The user was revoked'),
  'user.not-found': rule(404, 'not_found_error', 'No such user'),
  'tenant.exists': rule(409, 'conflict_error', 'There is a tenant with this id'),
  'response.not-found': rule(404, 'not_found_error', 'No such response'),
  'response.not-cancellable': rule(400, 'invalid_request_error', 'The response cannot be cancelled'),
  'response.not-continuable': rule(409, 'conflict_error', 'The response cannot be continued'),
  'response.still-running': rule(409, 'conflict_error', 'The response is still running'),
  'response.not-steerable': rule(409, 'conflict_error', 'The response cannot take a message'),
  'conversation.not-found': rule(404, 'not_found_error', 'No such conversation'),
  'conversation.busy': rule(409, 'conflict_error', 'A turn is already running in this conversation'),
  'conversation.queue-full': rule(429, 'rate_limit_error', 'Too many messages wait in this conversation'),
  'steer.not-found': rule(404, 'not_found_error', 'No such steer'),
  'steer.picked-up': rule(409, 'conflict_error', 'The message is no longer waiting'),
  'item.not-found': rule(404, 'not_found_error', 'No such item'),
  'budget.exhausted': rule(429, 'rate_limit_error', 'A budget is used up'),
  'budget.unpriced-model': rule(400, 'invalid_request_error', 'A budget applies and the model has no known price'),
  'budget.not-found': rule(404, 'not_found_error', 'No such budget'),
  'effect.not-found': rule(404, 'not_found_error', 'No such effect'),
  'effect.not-undoable': rule(409, 'conflict_error', 'The effect cannot be undone'),
  'effect.not-in-doubt': rule(409, 'conflict_error', 'It is known whether the effect happened'),
  'file.not-found': rule(404, 'not_found_error', 'No such file'),
  'key.not-found': rule(404, 'not_found_error', 'No such API key'),
  'approval.not-found': rule(404, 'not_found_error', 'No such approval'),
  'consent.not-found': rule(404, 'not_found_error', 'No such consent'),
  'approval.decided': rule(409, 'conflict_error', 'The approval has been decided already'),
  'approval.changed': rule(409, 'conflict_error', 'The approval is for other arguments'),
  'approval.link-not-found': rule(404, 'not_found_error', 'No such link'),
  'approval.link-gone': rule(410, 'invalid_request_error', 'The link is used up or expired'),
  'approval.link-cut': rule(409, 'conflict_error', 'The link cannot show the whole call'),
  'model.not-found': rule(404, 'invalid_request_error', 'No such model'),
  'model.unauthorized': rule(502, 'server_error', 'The model provider refused the key', { fallback: true }),
  'model.quota-exhausted': rule(502, 'server_error', 'The model provider says the quota is used up', {
    fallback: true,
  }),
  'model.bad-request': rule(400, 'invalid_request_error', 'The model provider refused the request'),
  'model.context-overflow': rule(400, 'invalid_request_error', 'The conversation does not fit the model', {
    fallback: true,
  }),
  'model.content-filtered': rule(400, 'invalid_request_error', 'The model provider filtered the content'),
  'model.rate-limited': rule(429, 'rate_limit_error', 'The model provider is rate limiting', passing),
  'model.overloaded': rule(503, 'server_error', 'The model provider is overloaded', passing),
  'model.unavailable': rule(502, 'server_error', 'The model provider failed', passing),
  'model.unreachable': rule(502, 'server_error', 'The model provider cannot be reached', passing),
  'model.timeout': rule(504, 'server_error', 'The model provider did not answer in time', passing),
  'model.stream-cut': rule(502, 'server_error', 'The model provider cut the answer', passing),
  'model.invalid-reply': rule(502, 'server_error', 'The model provider sent something unreadable', passing),
  'model.circuit-open': rule(503, 'server_error', 'The model provider is resting after failures', passing),
  'tool.unknown': rule(400, 'invalid_request_error', 'No such tool'),
  'tool.invalid-arguments': rule(400, 'invalid_request_error', 'The tool arguments are not valid'),
  'tool.changed': rule(409, 'conflict_error', 'The tool changed after the turn began'),
  'tool.not-approved': rule(403, 'permission_error', 'The tool call was not approved'),
  'tool.failed': rule(500, 'server_error', 'The tool failed'),
  'tool.timeout': rule(504, 'server_error', 'The tool did not finish in time', { retryable: true }),
  'tool.unavailable': rule(503, 'server_error', 'The tool is not available on this server'),
  'tool.outcome-unknown': rule(500, 'server_error', 'It is not known whether the tool took effect'),
  'egress.blocked': rule(403, 'permission_error', 'The address may not be reached'),
  'egress.too-large': rule(413, 'invalid_request_error', 'The remote answer is too large'),
  'egress.unreachable': rule(502, 'server_error', 'The address cannot be reached', { retryable: true }),
  'egress.timeout': rule(504, 'server_error', 'The address did not answer in time', { retryable: true }),
  'egress.http-error': rule(502, 'server_error', 'The address answered with an error'),
  'webhook.failed': rule(502, 'server_error', 'The webhook did not take the message', { retryable: true }),
  'turn.cancelled': rule(499, 'server_error', 'The turn was cancelled'),
  'turn.stale-attempt': rule(409, 'conflict_error', 'A newer attempt holds this step'),
  'turn.lost': rule(500, 'server_error', 'The turn ended without an answer'),
  'turn.terminated': rule(500, 'server_error', 'An operator ended the turn'),
  'store.unavailable': rule(503, 'server_error', 'The database is not available', { retryable: true }),
  'engine.unavailable': rule(503, 'server_error', 'The workflow engine is not available', { retryable: true }),
  'credential.missing': rule(400, 'invalid_request_error', 'The provider key must be sent with the request'),
  'secrets.unavailable': rule(503, 'server_error', 'The server has no master key'),
  'secrets.unreadable': rule(500, 'server_error', 'A sealed value cannot be opened'),
  'config.invalid': rule(500, 'server_error', 'The configuration is not valid'),
  'server.cannot-start': rule(500, 'server_error', 'The server cannot start'),
  'server.draining': rule(503, 'server_error', 'The server is shutting down'),
  'server.internal': rule(500, 'server_error', 'Internal error', { retryable: true }),
} as const satisfies Record<string, FailureRule>;

export type FailureCode = keyof typeof FAILURES;

export interface FailureOptions {
  /** Path of the offending request field, e.g. `input[0].content`. */
  readonly param?: string | undefined;
  /** From a vendor's Retry-After, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** An error with a code of the table. `message` says what failed, on what, why, and what to do. Never holds secrets. */
export interface Failure extends Error {
  readonly code: FailureCode;
  readonly param?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

export function failure(code: FailureCode, message: string, options: FailureOptions = {}): Failure {
  const error = new Error(message, options.cause === undefined ? undefined : { cause: options.cause });
  error.name = 'Failure';
  return Object.assign(error, { code, param: options.param, retryAfterMs: options.retryAfterMs });
}

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(FAILURES, value);
}

export function isFailure(error: unknown): error is Failure {
  return error instanceof Error && error.name === 'Failure' && isFailureCode((error as Partial<Failure>).code);
}

export function ruleOf(code: FailureCode): FailureRule {
  return FAILURES[code];
}

/** Anything thrown -> an Error, without a cast. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Anything thrown -> a Failure; what is not one already becomes `fallbackCode` with the original as its cause. */
export function toFailure(thrown: unknown, fallbackCode: FailureCode = 'server.internal'): Failure {
  if (isFailure(thrown)) return thrown;
  const error = toError(thrown);
  return failure(fallbackCode, error.message, { cause: error });
}
