/**
 * Database errors become failures here, once. Neither SQL text nor values leave: the cause keeps the SQLSTATE and the name
 * of the constraint, which is what an operator needs, and drops `detail`, where the server quotes rows.
 */
import { failure, isFailure, toError } from '../../domain/failures.js';
import type { FailureCode } from '../../domain/failures.js';

/** SQLSTATE classes and codes (PostgreSQL, appendix A) that mean "not now": connection, resources, operator, conflict. */
const PASSING = /^(08|53|57P|40001|40P01|55P03|57014|25006|25P03)/;
/** Data exceptions: text or numbers the database cannot hold, such as NUL or half a surrogate pair. */
const UNSTORABLE = /^22/;
const TOO_LARGE = /^54/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Node's errors of sockets and name look-ups. */
const NETWORK_CODE = /^E[A-Z_]{3,}$/;
/** Messages of the pg client for a lost or slow connection; it gives them no code. */
const LOST_CONNECTION =
  /connection terminated|timeout exceeded|read timeout|timeout expired|connection error|not queryable|client was closed|pool after calling end/i;

interface DatabaseError extends Error {
  readonly code?: unknown;
  readonly constraint?: unknown;
}

/** The SQLSTATE of an error the server sent, or of a failure made from one; else null. */
export function sqlStateOf(thrown: unknown): string | null {
  const { code } = origin(thrown);
  return typeof code === 'string' && SQLSTATE.test(code) && !NETWORK_CODE.test(code) ? code : null;
}

/** True when a constraint of this name refused the write. */
export function violates(thrown: unknown, constraint: string): boolean {
  return origin(thrown).constraint === constraint;
}

/** A failure of ours keeps SQLSTATE and constraint in its cause. */
function origin(thrown: unknown): DatabaseError {
  const error = toError(thrown);
  return isFailure(error) ? toError(error.cause) : error;
}

/**
 * Anything thrown by a query -> a failure. Failures and programming errors pass unchanged.
 * @returns an error to throw.
 */
export function toStoreFailure(thrown: unknown): Error {
  if (isFailure(thrown)) return thrown;
  const error = toError(thrown) as DatabaseError;
  const state = sqlStateOf(error);
  if (state !== null) return fromSqlState(state, error);
  const networkCode = typeof error.code === 'string' && NETWORK_CODE.test(error.code) ? error.code : null;
  if (networkCode !== null || LOST_CONNECTION.test(error.message) || error instanceof AggregateError) {
    const why = networkCode ?? error.message;
    return failure(
      'store.unavailable',
      `the database is not available (${why}); check that it runs and can be reached`,
      {
        cause: error,
      },
    );
  }
  return error;
}

function fromSqlState(state: string, error: DatabaseError): Error {
  const where = typeof error.constraint === 'string' ? ` on ${error.constraint}` : '';
  const cause = Object.assign(new Error(`database error ${state}${where}`), {
    code: state,
    constraint: error.constraint,
  });
  if (UNSTORABLE.test(state)) {
    return failure(
      'request.invalid',
      'the text holds characters that cannot be stored (NUL or half a surrogate pair); remove them',
      {
        cause,
      },
    );
  }
  if (TOO_LARGE.test(state))
    return failure('request.too-large', 'a value is larger than the database takes; send less', { cause });
  const code: FailureCode = PASSING.test(state) || state.startsWith('28') ? 'store.unavailable' : 'server.internal';
  const remedy =
    code === 'store.unavailable' ? 'try again; if it stays, look at the database' : 'this is a fault of the server';
  return failure(code, `the database refused the query (${state}${where}); ${remedy}`, { cause });
}
