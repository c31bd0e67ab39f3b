/** What a failed call to the workflow engine, and the state of a run, mean: decided once. */
import { isGrpcServiceError } from '@temporalio/client';
import type { WorkflowExecutionStatusName } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/common';
import { failure, toError } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';

/** Long enough for a server that is busy, short enough that a request fails before its client gives up. */
export const CALL_TIMEOUT_MS = 5_000;

/** Of gRPC; the SDK does not export them. */
export const GRPC_STATUS = { notFound: 5, alreadyExists: 6, failedPrecondition: 9, aborted: 10 } as const;

export function hasStatus(error: unknown, status: number): boolean {
  if (!isGrpcServiceError(error)) return false;
  const code: number = error.code;
  return code === status;
}

export function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError;
}

export function isAlreadyStarted(error: unknown): boolean {
  if (error instanceof WorkflowExecutionAlreadyStartedError) return true;
  return hasStatus(error, GRPC_STATUS.alreadyExists);
}

/** The innermost message says what happened; the outer ones say which call it was. */
function rootMessage(error: Error): string {
  let current = error;
  while (current.cause instanceof Error) current = current.cause;
  return current.message;
}

export function engineFailure(thrown: unknown, doing: string): Failure {
  const error = toError(thrown);
  return failure(
    'engine.unavailable',
    `The workflow engine could not ${doing}: ${rootMessage(error)}. Try again; when it lasts, check that Temporal runs.`,
    {
      cause: error,
    },
  );
}

export function isRunning(status: WorkflowExecutionStatusName): boolean {
  return status === 'RUNNING' || status === 'PAUSED' || status === 'CONTINUED_AS_NEW';
}
