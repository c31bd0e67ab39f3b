/**
 * What every activity has around it: heartbeats on a timer, one signal for all reasons to stop (the user's cancel over
 * either road, the turn's deadline, a worker that goes away), log fields, and failures as Temporal understands them.
 */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { ruleOf, toFailure } from '../domain/failures.js';
import type { Failure, FailureCode } from '../domain/failures.js';
import { preview } from '../domain/json.js';
import type { EventLog } from '../domain/ports/event-log.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Metrics } from '../domain/ports/metrics.js';
import type { TurnIds } from '../domain/turn-contract.js';
import type { RunContext, StopReason } from './activity-deps.js';

/** A third of the heartbeat timeout (6 s): two lost beats are no lost worker. */
const HEARTBEAT_MS = 2_000;
/** Attempts at a model or tool; a database or an engine that is away does not use them up. */
const MAX_ATTEMPTS = 3;
const MAX_MESSAGE_BYTES = 500;
const MIN_RETRY_MS = 100;
/** Nothing is wrong with the turn: a part is away, or an attempt the engine had given up woke and took the step. */
const PATIENT_CODES: ReadonlySet<FailureCode> = new Set([
  'store.unavailable',
  'engine.unavailable',
  'server.draining',
  'turn.stale-attempt',
]);

export interface ActivityRunInput extends TurnIds {
  readonly name: string;
  readonly step?: number;
  readonly callIndex?: number;
  readonly remainingMs?: number;
  /** In place of the usual number. */
  readonly attempts?: number;
}

export interface ActivityRunDeps {
  readonly events: EventLog;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export async function runActivity<T>(
  deps: ActivityRunDeps,
  input: ActivityRunInput,
  work: (run: RunContext) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const engineAttempt = context.info.attempt;
  const log = deps.logger.child(logFields(input, engineAttempt));
  const stop = new AbortController();
  const cancelled = { atMs: Number.NaN };
  const end = (reason: StopReason): void => {
    if (reason === 'cancel' && !stop.signal.aborted) cancelled.atMs = performance.now();
    stop.abort(reason);
  };
  const beat = setInterval(() => context.heartbeat(input.name), HEARTBEAT_MS);
  const deadline =
    input.remainingMs === undefined ? null : setTimeout(() => end('deadline'), Math.max(1, input.remainingMs));
  const onEngineCancel = (): void => end(reasonOf(context));
  context.cancellationSignal.addEventListener('abort', onEngineCancel, { once: true });
  const unsubscribe = deps.events.onCancel(input, () => end('cancel'));
  try {
    return await work({ signal: stop.signal, log, engineAttempt });
  } catch (error) {
    throw toApplicationFailure(deps, input, log, engineAttempt, toFailure(error), stop.signal);
  } finally {
    clearInterval(beat);
    if (deadline !== null) clearTimeout(deadline);
    context.cancellationSignal.removeEventListener('abort', onEngineCancel);
    unsubscribe();
    if (stop.signal.reason === 'cancel') deps.metrics.cancelled({ latencyMs: performance.now() - cancelled.atMs });
  }
}

function logFields(input: ActivityRunInput, attempt: number): object {
  return {
    activity: input.name,
    tenantId: input.tenantId,
    turnId: input.turnId,
    conversationId: input.conversationId,
    requestId: input.requestId,
    ...(input.step === undefined ? {} : { step: input.step }),
    ...(input.callIndex === undefined ? {} : { callIndex: input.callIndex }),
    attempt,
  };
}

/** A worker that shuts down, or an engine that no longer knows the activity, is not the user's cancel. */
function reasonOf(context: Context): StopReason {
  const details = context.cancellationDetails;
  if (details?.workerShutdown === true) return 'shutdown';
  return details?.cancelRequested === true ? 'cancel' : 'lost';
}

function mayTryAgain(input: ActivityRunInput, code: FailureCode, thrown: Failure, attempt: number): boolean {
  // A provider that wants an hour, of a turn that has minutes, is one that does not answer this turn.
  const tooLong = (thrown.retryAfterMs ?? 0) > (input.remainingMs ?? Infinity);
  return ruleOf(code).retryable && attempt < (input.attempts ?? MAX_ATTEMPTS) && !tooLong;
}

function toApplicationFailure(
  deps: ActivityRunDeps,
  input: ActivityRunInput,
  log: Logger,
  attempt: number,
  thrown: Failure,
  signal: AbortSignal,
): ApplicationFailure {
  const goingAway = signal.aborted && (signal.reason === 'shutdown' || signal.reason === 'lost');
  const code: FailureCode = goingAway ? 'server.draining' : thrown.code;
  const retryable = PATIENT_CODES.has(code) || mayTryAgain(input, code, thrown, attempt);
  if (retryable) deps.metrics.retried({ activity: input.name, code });
  log[retryable ? 'warn' : 'error']({ code, retryable, err: thrown, cause: thrown.cause }, 'activity failed');
  return ApplicationFailure.create({
    message: preview(thrown.message, MAX_MESSAGE_BYTES),
    type: code,
    nonRetryable: !retryable,
    // "At once" is a pause too: a delay of nothing would be no retry at all.
    ...(thrown.retryAfterMs === undefined ? {} : { nextRetryDelay: Math.max(MIN_RETRY_MS, thrown.retryAfterMs) }),
  });
}
