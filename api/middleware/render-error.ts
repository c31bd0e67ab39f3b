/** The one place where a failure becomes an HTTP answer, in the error shape OpenAI clients parse. */
import type { ErrorRequestHandler, Response } from 'express';
import { failure, isFailure, ruleOf, toError } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import { contextOf } from '../request-context.js';

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly code: string;
    readonly param: string | null;
    readonly request_id: string;
  };
}

/** For a part that is away without saying for how long. */
const DEFAULT_RETRY_MS = 2_000;

export function toErrorBody(problem: Failure, requestId: string): ErrorBody {
  return {
    error: {
      message: problem.message,
      type: ruleOf(problem.code).type,
      code: problem.code,
      param: problem.param ?? null,
      request_id: requestId,
    },
  };
}

/** What is no failure of the table: Express' own complaints about the URL keep their status, the rest says nothing. */
export function toAnswerable(thrown: unknown, requestId: string): Failure {
  if (isFailure(thrown) && thrown.code !== 'server.internal') return thrown;
  const error = toError(thrown);
  const status = (error as { status?: unknown }).status;
  if (!isFailure(thrown) && status === 400)
    return failure('request.invalid', 'The URL is not valid: it cannot be decoded.', { cause: error });
  return failure(
    'server.internal',
    `Something went wrong on the server. The log has the cause under request id ${requestId}.`,
    { cause: error },
  );
}

function logFailure(logger: Logger, problem: Failure, status: number): void {
  const fields = { code: problem.code, param: problem.param, ...(status >= 500 ? { err: problem } : {}) };
  if (status >= 500) logger.error(fields, `request failed: ${problem.message}`);
  else logger.debug(fields, `request refused: ${problem.message}`);
}

export function setErrorHeaders(res: Response, problem: Failure, status: number): void {
  const retryMs = problem.retryAfterMs ?? (status === 503 ? DEFAULT_RETRY_MS : null);
  if (retryMs !== null) res.setHeader('Retry-After', String(Math.max(1, Math.ceil(retryMs / 1000))));
  if (status === 401) res.setHeader('WWW-Authenticate', 'Bearer realm="turnstone"');
}

export const renderError: ErrorRequestHandler = (thrown: unknown, _req, res, next) => {
  const context = contextOf(res);
  const problem = toAnswerable(thrown, context.requestId);
  const status = ruleOf(problem.code).httpStatus;
  logFailure(context.logger, problem, status);
  if (res.headersSent) {
    // Half an answer is out already: Express closes the connection, which is the only honest signal left.
    next(thrown);
    return;
  }
  setErrorHeaders(res, problem, status);
  res.status(status);
  if (context.errorPage === null) res.json(toErrorBody(problem, context.requestId));
  else res.type('html').send(context.errorPage(problem));
};
