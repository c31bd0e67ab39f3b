/**
 * The workflow `turn`: one accepted message, until exactly one terminal state.
 * Runs in the workflow sandbox: no Node, no clock but Temporal's, no module-level state. Only ids, names and counts pass
 * through here; content stays in the store.
 */
import {
  ActivityCancellationType,
  CancellationScope,
  continueAsNew,
  createEventGroup,
  defineQuery,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActivityOptions, EventGroupMarker } from '@temporalio/workflow';
import { ActivityFailure, ApplicationFailure, CancelledFailure, defineSearchAttributeKey } from '@temporalio/common';
import { PROGRESS_QUERY, SEARCH_ATTRIBUTES, resultOfClosed } from '../domain/turn-contract.js';
import type {
  ClosedAhead,
  FinishTurnInput,
  PlannedCall,
  RunToolInput,
  TurnActivities,
  TurnIds,
  TurnInput,
  TurnProgressView,
  TurnResult,
} from '../domain/turn-contract.js';
import { initialTurnState } from '../domain/turn-state.js';
import { DEFAULT_POLICY } from '../domain/policy.js';
import type { TerminalStatus } from '../domain/turn.js';
import { createApprovalWait } from './approval-wait.js';
import { runTurnLoop } from './turn-loop.js';
import type { CallOrder } from './gated-calls.js';
import type { TurnLoopPorts, TurnLoopResult } from './turn-loop.js';
import { createTurnProgress } from './turn-progress.js';
import type { TurnProgressTracker } from './turn-progress.js';

/** A worker that dies is noticed this soon; activities beat every 2 s, so two lost beats are no lost worker. */
const HEARTBEAT_TIMEOUT = '6s';
/** On top of the time the activity gives itself, so that it always ends its own call first and keeps what there is. */
const ACTIVITY_GRACE_MS = 30_000;

/**
 * Attempts are bounded by the activities, which know what failed (3 for a model or tool; a database or worker that is
 * away does not use them up). This bound only stops a crash loop.
 */
const RETRY = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10s', maximumAttempts: 60 } as const;

const OUTCOME = defineSearchAttributeKey(SEARCH_ATTRIBUTES.outcome, 'KEYWORD');

export const progressQuery = defineQuery<TurnProgressView>(PROGRESS_QUERY);

export async function turn(input: TurnInput): Promise<TurnResult> {
  const progress = createTurnProgress(input, setCurrentDetails);
  setHandler(progressQuery, () => progress.view());
  if (input.closed !== undefined) return recordClosed(input.closed, progress);
  log.debug('turn begins', { ...idsOf(input) });
  const result = await runToEnd(input, progress);
  if (result.kind === 'continue') return continueAsNew<typeof turn>({ ...input, resumed: result.state });
  progress.setPhase('done');
  recordOutcome(result.status);
  // The step itself closed the turn, over the fast road: the engine's own record says cancelled too.
  if (result.status === 'cancelled' && CancellationScope.current().consideredCancelled) {
    throw new CancelledFailure('The turn was cancelled.');
  }
  return { status: result.status, steps: result.state.step, toolCalls: result.state.toolCalls };
}

/** The turn has ended already, its outcome came with the start: this run is its record, and schedules nothing. */
function recordClosed(closed: ClosedAhead, progress: TurnProgressTracker): TurnResult {
  progress.setState(closed.state);
  progress.setPhase('done');
  return resultOfClosed(closed);
}

async function runToEnd(input: TurnInput, progress: TurnProgressTracker): Promise<TurnLoopResult> {
  try {
    const start = input.resumed ?? initialTurnState(Date.now());
    const rules = { limits: input.limits, policy: input.policy ?? null };
    return await runTurnLoop(rules, start, createPorts(input, progress));
  } catch (error) {
    await CancellationScope.nonCancellable(() => settle(input, progress, error));
    throw error;
  }
}

function idsOf({ tenantId, turnId, conversationId, requestId }: TurnInput): TurnIds {
  return { tenantId, turnId, conversationId, requestId };
}

/** A server that does not know our search attributes got none at the start, and would refuse this one too. */
function recordOutcome(status: TerminalStatus): void {
  if (workflowInfo().typedSearchAttributes.getAll().length === 0) return;
  upsertSearchAttributes([{ key: OUTCOME, value: status }]);
}

function createPorts(input: TurnInput, progress: TurnProgressTracker): TurnLoopPorts {
  const ids = idsOf(input);
  // Without a policy nothing is asked for; the handler of its signal is there all the same.
  const approvals = createApprovalWait({ ids, policy: input.policy ?? DEFAULT_POLICY, progress, retry: RETRY });
  let group: EventGroupMarker | null = null;
  const inGroup = (options: ActivityOptions): ActivityOptions =>
    group === null ? options : { ...options, eventGroups: [group] };

  return {
    nowMs: () => Date.now(),
    async callModel(step, remainingMs, wrapUp) {
      group = createEventGroup(`Step ${step}`, { id: `step-${step}` });
      progress.setPhase(wrapUp === null ? 'model' : 'finishing');
      const stage = progress.begin(step, input.model, wrapUp === null ? 'model call' : `answer at limit ${wrapUp}`);
      const options = inGroup(activityOptions(remainingMs, `${input.model} · step ${step}`));
      const args = { ...ids, step, remainingMs, ...(wrapUp === null ? {} : { wrapUp }) };
      const result = await tracked(stage, () => proxyActivities<TurnActivities>(options).callModel(args));
      stage.end('completed', `${result.model}, ${result.tokens} tokens`);
      return result;
    },
    async runTool(step, call, remainingMs, order) {
      progress.setPhase('tools');
      const stage = progress.begin(step, call.name, call.preview);
      const ownMs = Math.min(call.timeoutMs, remainingMs);
      const options = { ...inGroup(activityOptions(ownMs, call.name)), taskQueue: call.taskQueue };
      const args = { ...ids, step, callIndex: call.callIndex, remainingMs, ...orderFields(order, call) };
      const result = await tracked(stage, () => proxyActivities<TurnActivities>(options).runTool(args));
      stage.end(result.status, result.preview);
      return result;
    },
    openApprovals: (step, calls) => approvals.open(step, calls, inGroup),
    close: ({ status, incompleteReason }) =>
      finishTurn({ ...ids, status, ...(incompleteReason === null ? {} : { incompleteReason }) }),
    shouldContinueAsNew: () => workflowInfo().continueAsNewSuggested,
    changed: (state) => progress.setState(state),
  };
}

/** Only what says something: a call that runs by itself looks as it always did. */
function orderFields(
  { refused, blocked, approval, tainted }: CallOrder,
  { egressTrusted }: PlannedCall,
): Partial<RunToolInput> {
  return {
    ...(refused === null ? {} : { refused }),
    ...(blocked === null ? {} : { blocked }),
    ...(approval === null ? {} : { approval }),
    ...(tainted ? { tainted } : {}),
    ...(tainted && egressTrusted === true ? { egressTrusted } : {}),
  };
}

async function tracked<T>(stage: { end(status: 'failed' | 'cancelled'): void }, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    stage.end(isCancellation(error) ? 'cancelled' : 'failed');
    throw error;
  }
}

function activityOptions(ownMs: number, summary: string): ActivityOptions {
  return {
    startToCloseTimeout: ownMs + ACTIVITY_GRACE_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    // The activity closes the provider's socket, keeps the partial text, and only then is the cancel done.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: RETRY,
    summary,
  };
}

function finishTurn(input: FinishTurnInput): Promise<void> {
  const summary = `close: ${input.status}`;
  const options = { startToCloseTimeout: '1m', heartbeatTimeout: HEARTBEAT_TIMEOUT, retry: RETRY, summary } as const;
  return proxyActivities<TurnActivities>(options).finishTurn(input);
}

/** The terminal state is written whatever ended the loop: a cancel, a failure, a bug. */
async function settle(input: TurnInput, progress: TurnProgressTracker, error: unknown): Promise<void> {
  const ids = idsOf(input);
  progress.setPhase('finishing');
  if (isCancellation(error) || error instanceof CancelledFailure) {
    await finishTurn({ ...ids, status: 'cancelled' });
    recordOutcome('cancelled');
    return;
  }
  const failed = describeFailure(error);
  log.warn('turn failed', { ...ids, code: failed.code });
  await finishTurn({ ...ids, status: 'failed', error: failed });
  recordOutcome('failed');
}

function describeFailure(error: unknown): { code: string; message: string } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) return { code: cause.type ?? 'server.internal', message: cause.message };
  return {
    code: 'turn.lost',
    message: 'The turn could not be finished: its work timed out or its worker was lost repeatedly.',
  };
}
