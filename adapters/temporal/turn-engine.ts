/** `TurnEngine` on Temporal: one workflow id per conversation is the lock, the run's memo says whose turn it is. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import {
  SearchAttributeType,
  TypedSearchAttributes,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  defineSearchAttributeKey,
} from '@temporalio/common';
import type { SearchAttributePair, WorkerDeploymentVersion } from '@temporalio/common';
import { APPROVAL_DECIDED_SIGNAL } from '../../domain/approval-contract.js';
import { failure } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { EngineState, StartTurn, TurnEngine } from '../../domain/ports/turn-engine.js';
import {
  PROGRESS_QUERY,
  SEARCH_ATTRIBUTES,
  TURN_WORKFLOW_TYPE,
  olderTurnWorkflowId,
  turnWorkflowId,
} from '../../domain/turn-contract.js';
import type { TurnRef } from '../../domain/turn-contract.js';
import { userHandle } from '../../domain/user-handle.js';
import type { ClosedTurnRecorder } from './closed-turn-recorder.js';
import { CALL_TIMEOUT_MS, engineFailure, isAlreadyStarted, isNotFound, isRunning } from './engine-errors.js';

export interface TurnEngineOptions {
  readonly client: Client;
  readonly taskQueue: string;
  /** Records turns that have ended already; absent: the worker does it, as it does where workers have versions. */
  readonly recorder?: ClosedTurnRecorder;
  /** A turn worker shares this client's connection: the first workflow task comes back with the start. */
  readonly eagerStart: boolean;
  /** False where the server does not know them. */
  readonly searchAttributes: boolean;
  /** This process' build, to which the turns it begins are pinned; null or absent: workers have no versions. */
  readonly version?: WorkerDeploymentVersion | null;
  readonly logger: Logger;
}

type Where = Parameters<TurnEngine['start']>[1];

/** A worker that dies inside a workflow task is noticed after this; tasks take milliseconds. */
const WORKFLOW_TASK_TIMEOUT = '10 s';
/** A query needs a live worker; readers have the store to fall back on. */
const QUERY_TIMEOUT_MS = 2_000;
/** Keyword attributes longer than this are refused by the visibility store. */
const MAX_KEYWORD = 255;
/** The server's limit; tenant ids are shorter. */
const MAX_FAIRNESS_KEY = 64;

const KEYS = {
  tenant: defineSearchAttributeKey(SEARCH_ATTRIBUTES.tenant, SearchAttributeType.KEYWORD),
  user: defineSearchAttributeKey(SEARCH_ATTRIBUTES.user, SearchAttributeType.KEYWORD),
  conversation: defineSearchAttributeKey(SEARCH_ATTRIBUTES.conversation, SearchAttributeType.KEYWORD),
  agent: defineSearchAttributeKey(SEARCH_ATTRIBUTES.agent, SearchAttributeType.KEYWORD),
  model: defineSearchAttributeKey(SEARCH_ATTRIBUTES.model, SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey(SEARCH_ATTRIBUTES.outcome, SearchAttributeType.KEYWORD),
} as const;

export function createTurnEngine(options: TurnEngineOptions): TurnEngine {
  return {
    start: async (turn, where) => {
      const { turnId } = turn.input;
      // The run that was in the way may have closed between the two calls; then the second try starts.
      const outcome =
        (await tryStart(options, turn, where)) === 'busy' ? await tryStart(options, turn, where) : 'started';
      if (outcome !== 'busy') return;
      throw failure(
        'conversation.busy',
        `A turn is already running in conversation ${turn.input.conversationId ?? ''}: turn ${turnId} was not started. Wait for it, or cancel it.`,
      );
    },
    cancel: (turn) => cancel(options, turn),
    tellDecided: (turn, approvalIds) => tellDecided(options, turn, approvalIds),
    describe: async (turn) => toState(await latestRun(options, turn)),
    progress: (turn) => progress(options, turn),
    ping: () => ping(options),
  };
}

function within<T>({ client }: TurnEngineOptions, timeoutMs: number, call: () => Promise<T>): Promise<T> {
  return client.withDeadline(Date.now() + timeoutMs, call);
}

/** The latest run of the turn's workflow id, or null when there is none or it is another turn's. */
async function latestRun(options: TurnEngineOptions, turn: TurnRef): Promise<WorkflowExecutionDescription | null> {
  return (
    (await runUnder(options, turn.turnId, turnWorkflowId(turn))) ??
    (await runUnder(options, turn.turnId, olderTurnWorkflowId(turn)))
  );
}

async function runUnder(
  options: TurnEngineOptions,
  turnId: string,
  workflowId: string,
): Promise<WorkflowExecutionDescription | null> {
  try {
    const handle = options.client.workflow.getHandle(workflowId);
    const run = await within(options, CALL_TIMEOUT_MS, () => handle.describe());
    return run.memo?.['turnId'] === turnId ? run : null;
  } catch (error) {
    if (isNotFound(error)) return null;
    throw engineFailure(error, `look up turn ${turnId}`);
  }
}

async function tryStart(options: TurnEngineOptions, turn: StartTurn, where: Where): Promise<'started' | 'busy'> {
  const { turnId } = turn.input;
  const { workflow } = options.client;
  try {
    const start = await startOptions(turn, options, where);
    if (await recordedAhead(options, turn, start)) return 'started';
    await within(options, CALL_TIMEOUT_MS, () => workflow.start(TURN_WORKFLOW_TYPE, start));
    return 'started';
  } catch (error) {
    if (!isAlreadyStarted(error)) throw engineFailure(error, `start turn ${turnId}`);
  }
  return (await latestRun(options, turn.input)) === null ? 'busy' : 'started';
}

/**
 * A turn that has ended is recorded without the worker.
 * @returns false where that is not possible, for whatever reason: the worker is there too.
 */
async function recordedAhead(
  { recorder, version = null, logger }: TurnEngineOptions,
  turn: StartTurn,
  start: Awaited<ReturnType<typeof startOptions>>,
): Promise<boolean> {
  if (recorder === undefined || turn.input.closed === undefined || version !== null) return false;
  try {
    // It asks for the task itself; what the option asks for is a worker on the same connection.
    await recorder.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
      recorder.start(TURN_WORKFLOW_TYPE, { ...start, requestEagerStart: false }),
    );
    return true;
  } catch (error) {
    if (isAlreadyStarted(error)) throw error;
    logger.debug({ err: error, turnId: turn.input.turnId }, 'a turn that has ended is recorded by the worker');
    return false;
  }
}

async function cancel(options: TurnEngineOptions, turn: TurnRef): Promise<boolean> {
  const run = await latestRun(options, turn);
  if (run === null) return false;
  if (!isRunning(run.status.name)) return true;
  const firstRunId = run.raw.workflowExecutionInfo?.firstRunId;
  // The chain is named, so that a later turn of the conversation is never cancelled in its place.
  const handle = options.client.workflow.getHandle(run.workflowId, undefined, {
    firstExecutionRunId: firstRunId === undefined || firstRunId === null || firstRunId === '' ? run.runId : firstRunId,
  });
  try {
    await within(options, CALL_TIMEOUT_MS, () => handle.cancel());
  } catch (error) {
    if (!isNotFound(error)) throw engineFailure(error, `cancel turn ${turn.turnId}`);
  }
  return true;
}

/** A later turn of the conversation that gets it in the place of this one asks its store, and finds nothing. */
async function tellDecided(
  options: TurnEngineOptions,
  turn: TurnRef,
  approvalIds: readonly string[],
): Promise<boolean> {
  const run = await latestRun(options, turn);
  if (run === null || !isRunning(run.status.name)) return false;
  const handle = options.client.workflow.getHandle(run.workflowId);
  try {
    await within(options, CALL_TIMEOUT_MS, () => handle.signal(APPROVAL_DECIDED_SIGNAL, approvalIds));
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw engineFailure(error, `tell turn ${turn.turnId} what was decided`);
  }
}

async function progress(options: TurnEngineOptions, turn: TurnRef): Promise<unknown> {
  const { turnId, conversationId } = turn;
  const handle = options.client.workflow.getHandle(turnWorkflowId(turn));
  try {
    const view: unknown = await within(options, QUERY_TIMEOUT_MS, () => handle.query(PROGRESS_QUERY));
    return view !== null && typeof view === 'object' && Reflect.get(view, 'turnId') === turnId ? view : null;
  } catch (error) {
    // Not running, no worker, no answer in time: all mean that there is no progress to show.
    options.logger.debug({ turnId, conversationId, err: error }, 'the progress query was not answered');
    return null;
  }
}

async function startOptions(
  turn: StartTurn,
  options: TurnEngineOptions,
  where: Where,
): Promise<Parameters<Client['workflow']['start']>[1] & { args: unknown[] }> {
  const { tenantId, turnId } = turn.input;
  return {
    args: [turn.input],
    taskQueue: options.taskQueue,
    workflowId: turnWorkflowId(turn.input),
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
    ...placement(options, where),
    staticSummary: turn.summary,
    memo: { turnId },
    priority: { fairnessKey: tenantId.slice(0, MAX_FAIRNESS_KEY) },
    ...(options.searchAttributes ? { typedSearchAttributes: await searchAttributes(turn) } : {}),
  };
}

/**
 * The server hands an eager start to the worker beside the client whatever build is current: only a turn that was begun here
 * may start so. The pin says the same where the worker has no room for it and the start takes the long way.
 */
function placement(
  { eagerStart, version = null }: TurnEngineOptions,
  where: Where,
): { requestEagerStart: boolean; versioningOverride?: { pinnedTo: WorkerDeploymentVersion } } {
  if (version === null) return { requestEagerStart: eagerStart };
  return where === 'here'
    ? { requestEagerStart: eagerStart, versioningOverride: { pinnedTo: version } }
    : { requestEagerStart: false };
}

async function searchAttributes(turn: StartTurn): Promise<TypedSearchAttributes> {
  const keyword = (text: string): string => text.slice(0, MAX_KEYWORD);
  const pairs: SearchAttributePair[] = [
    { key: KEYS.tenant, value: keyword(turn.input.tenantId) },
    { key: KEYS.user, value: await userHandle(turn.input.tenantId, turn.principalId) },
    { key: KEYS.agent, value: keyword(turn.agent) },
    { key: KEYS.model, value: keyword(turn.model) },
  ];
  if (turn.input.conversationId !== null) pairs.push({ key: KEYS.conversation, value: turn.input.conversationId });
  // Given with the start where it is known by then: the workflow need not write it.
  if (turn.input.closed !== undefined) pairs.push({ key: KEYS.outcome, value: turn.input.closed.status });
  return new TypedSearchAttributes(pairs);
}

async function ping({ client }: TurnEngineOptions): Promise<{ latencyMs: number; version: string }> {
  const startedAt = performance.now();
  try {
    const info = await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
      client.workflowService.getSystemInfo({}),
    );
    return { latencyMs: Math.round(performance.now() - startedAt), version: info.serverVersion };
  } catch (error) {
    throw engineFailure(error, 'answer');
  }
}

function toState(run: WorkflowExecutionDescription | null): EngineState {
  if (run === null) return { kind: 'absent' };
  const status = run.status.name;
  if (isRunning(status)) return { kind: 'running' };
  if (status === 'COMPLETED') return { kind: 'ended', how: 'completed' };
  if (status === 'CANCELLED') return { kind: 'ended', how: 'cancelled' };
  if (status === 'TERMINATED') return { kind: 'ended', how: 'terminated' };
  if (status === 'TIMED_OUT') return { kind: 'ended', how: 'timed_out' };
  return { kind: 'ended', how: 'failed' };
}
