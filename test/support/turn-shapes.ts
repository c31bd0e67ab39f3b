/** The shapes a turn's workflow can take, each with the activities that lead to it: recorded once, replayed for ever. */
import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { APPROVAL_DECIDED_SIGNAL } from '../../domain/approval-contract.js';
import type { ApprovalActivities } from '../../domain/approval-contract.js';
import type { ApprovalState } from '../../domain/approval.js';
import { DEFAULT_POLICY } from '../../domain/policy.js';
import type { TurnPolicy } from '../../domain/policy.js';
import { PROGRESS_QUERY } from '../../domain/turn-contract.js';
import type { TurnActivities, TurnInput, TurnProgressView } from '../../domain/turn-contract.js';
import { callsResult, closedAhead, closedResult, plannedCall, untilCancelled } from './workflow-environment.js';
import type { StartedTurn } from './workflow-environment.js';

export interface TurnShape {
  readonly name: string;
  readonly input?: Partial<TurnInput>;
  readonly activities: Pick<TurnActivities, 'callModel'> & Partial<TurnActivities & ApprovalActivities>;
  /** What happens from outside while it runs. */
  readonly meanwhile?: (run: StartedTurn) => Promise<void>;
}

/** A cancel before the first activity begins would be another shape. */
export async function cancelWhenActive({ handle }: { readonly handle: WorkflowHandle }): Promise<void> {
  for (;;) {
    const { raw } = await handle.describe();
    if (raw.pendingActivities?.some((activity) => activity.lastHeartbeatTime !== null) === true) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await handle.cancel();
}

async function untilAsked({ handle }: StartedTurn): Promise<void> {
  for (;;) {
    const view = await handle.query<TurnProgressView>(PROGRESS_QUERY);
    if ((view.waiting ?? []).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Decides once the webhook has been tried. */
async function decideWhenEscalated({ handle }: StartedTurn): Promise<void> {
  for (;;) {
    const { events } = await handle.fetchHistory();
    if (events?.some((event) => event.activityTaskFailedEventAttributes) === true) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await handle.signal(APPROVAL_DECIDED_SIGNAL, ['appr_0']);
}

/** Decides once the turn waits. */
async function decideWhenAsked(run: StartedTurn): Promise<void> {
  await untilAsked(run);
  await run.handle.signal(APPROVAL_DECIDED_SIGNAL, ['appr_0']);
}

async function cancelWhenAsked(run: StartedTurn): Promise<void> {
  await untilAsked(run);
  await run.handle.cancel();
}

const state = (status: ApprovalState['status']): ApprovalState => ({ approvalId: 'appr_0', callIndex: 0, status });

/** Two calls of a model that has read untrusted content: one only reads, one would change something. */
const taintedThenClosed: TurnActivities['callModel'] = async ({ step }) => {
  if (step > 1) return closedResult();
  const queue = activityInfo().taskQueue;
  const write = { approval: 'never', argumentsHash: 'h', effect: 'unkeyed' } as const;
  const calls = [plannedCall(queue, 0, { approval: 'never', argumentsHash: 'h' }), plannedCall(queue, 1, write)];
  return { ...callsResult(calls), tainted: true };
};
const OUTSIDE: Pick<TurnPolicy, 'taint'> = { taint: { writes: 'refuse', egress: 'ask' } };

const gatedThenClosed: TurnActivities['callModel'] = async ({ step }) => {
  const call = { approval: 'ask', argumentsHash: 'h', effect: 'unkeyed' } as const;
  return step === 1 ? callsResult([plannedCall(activityInfo().taskQueue, 0, call)]) : closedResult();
};

export const TURN_SHAPES: readonly TurnShape[] = [
  {
    name: 'approval',
    input: { policy: DEFAULT_POLICY },
    activities: { callModel: gatedThenClosed },
    meanwhile: decideWhenAsked,
  },
  {
    // Nobody decided in time: the webhook is told, does not take it, and somebody decides.
    name: 'approval-escalated',
    input: { policy: { ...DEFAULT_POLICY, escalateAfterMs: 100 } },
    activities: {
      callModel: gatedThenClosed,
      escalateApprovals: async () => ({ notify: ['appr_0'] }),
      notifyEscalation: async () => {
        throw ApplicationFailure.nonRetryable('HTTP 500', 'webhook.failed');
      },
    },
    meanwhile: decideWhenEscalated,
  },
  {
    name: 'approval-expired',
    input: { policy: { ...DEFAULT_POLICY, withinMs: 400, escalateAfterMs: 100, atDeadline: 'end' } },
    activities: { callModel: gatedThenClosed },
  },
  {
    name: 'approval-returned',
    input: { policy: { ...DEFAULT_POLICY, approvals: 'return' } },
    activities: { callModel: gatedThenClosed },
  },
  {
    // Of two calls one runs by itself, meanwhile a person says no to the other.
    name: 'approval-denied',
    input: { policy: DEFAULT_POLICY },
    activities: {
      callModel: async ({ step }) => {
        if (step > 1) return closedResult();
        const queue = activityInfo().taskQueue;
        const ask = { approval: 'ask', argumentsHash: 'h', effect: 'unkeyed' } as const;
        return callsResult([
          plannedCall(queue, 0, ask),
          plannedCall(queue, 1, { approval: 'never', argumentsHash: 'h' }),
        ]);
      },
      readDecisions: async () => [state('denied')],
    },
    meanwhile: decideWhenAsked,
  },
  {
    // A standing consent decides when it is asked for.
    name: 'approval-standing',
    input: { policy: DEFAULT_POLICY },
    activities: {
      callModel: gatedThenClosed,
      openApprovals: async ({ withinMs }) => ({ approvals: [state('approved')], expiresAtMs: Date.now() + withinMs }),
    },
  },
  {
    name: 'approval-deadline-denied',
    input: { policy: { ...DEFAULT_POLICY, withinMs: 400 } },
    activities: { callModel: gatedThenClosed },
  },
  {
    name: 'cancelled-in-approval',
    input: { policy: DEFAULT_POLICY },
    activities: { callModel: gatedThenClosed },
    meanwhile: cancelWhenAsked,
  },
  {
    name: 'tainted-refused',
    input: { policy: { ...DEFAULT_POLICY, ...OUTSIDE } },
    activities: { callModel: taintedThenClosed },
  },
  {
    // Enough steps for the engine to ask for a fresh history; the recorded run is the one that ends with it.
    name: 'continued',
    activities: {
      callModel: async ({ step }) =>
        step <= 8 ? callsResult([plannedCall(activityInfo().taskQueue, 0)]) : closedResult(),
    },
  },
  {
    name: 'closed-ahead',
    input: { closed: closedAhead() },
    activities: { callModel: async () => closedResult('failed') },
  },
  {
    // Two steps were copied: the first model call is the third.
    name: 'fork',
    input: {
      resumed: { step: 2, toolCalls: 0, tokens: 0, costMicros: 0, startedAtMs: Date.now(), repeats: {} },
    },
    activities: {
      callModel: async ({ step }) =>
        step === 3 ? callsResult([plannedCall(activityInfo().taskQueue, 0)]) : closedResult(),
    },
  },
  { name: 'plain', activities: { callModel: async () => closedResult() } },
  {
    name: 'tool-step',
    activities: {
      callModel: async ({ step }) =>
        step === 1 ? callsResult([plannedCall(activityInfo().taskQueue, 0)]) : closedResult(),
    },
  },
  {
    name: 'parallel-tools',
    activities: {
      callModel: async ({ step }) => {
        const queue = activityInfo().taskQueue;
        return step === 1 ? callsResult([0, 1, 2].map((index) => plannedCall(queue, index))) : closedResult();
      },
    },
  },
  {
    name: 'client-call',
    activities: {
      callModel: async () => ({ ...callsResult([plannedCall(activityInfo().taskQueue, 0)]), clientCalls: 1 }),
    },
  },
  {
    name: 'limit-wrap-up',
    input: { limits: { ...DEFAULT_LIMITS, maxSteps: 1 } },
    activities: {
      callModel: async ({ wrapUp }) =>
        wrapUp === undefined ? callsResult([plannedCall(activityInfo().taskQueue, 0)]) : closedResult('incomplete'),
    },
  },
  {
    name: 'refused-calls',
    input: { limits: { ...DEFAULT_LIMITS, maxToolCalls: 1 } },
    activities: {
      callModel: async ({ wrapUp }) => {
        const queue = activityInfo().taskQueue;
        return wrapUp === undefined
          ? callsResult([0, 1].map((index) => plannedCall(queue, index)))
          : closedResult('incomplete');
      },
    },
  },
  {
    name: 'model-retried',
    activities: {
      callModel: async () => {
        if (activityInfo().attempt > 1) return closedResult();
        throw ApplicationFailure.create({ message: 'busy', type: 'model.overloaded', nextRetryDelay: 1 });
      },
    },
  },
  {
    name: 'model-failed',
    activities: {
      callModel: async () => {
        throw ApplicationFailure.nonRetryable('The provider refused the key.', 'model.unauthorized');
      },
    },
  },
  { name: 'cancelled-in-model', activities: { callModel: untilCancelled }, meanwhile: cancelWhenActive },
  {
    name: 'cancelled-in-tools',
    activities: {
      callModel: async () => callsResult([0, 1].map((index) => plannedCall(activityInfo().taskQueue, index))),
      runTool: untilCancelled,
    },
    meanwhile: cancelWhenActive,
  },
  {
    // A message came in time to join: the step that answered did not close the turn.
    name: 'steered',
    activities: { callModel: async ({ step }) => (step === 1 ? callsResult([]) : closedResult()) },
  },
  {
    name: 'resumed',
    input: {
      resumed: { step: 4, toolCalls: 7, tokens: 100, costMicros: 9, startedAtMs: Date.UTC(2100, 0), repeats: { a: 1 } },
    },
    activities: { callModel: async () => closedResult() },
  },
];

export function shapeActivities(shape: TurnShape): TurnActivities & ApprovalActivities {
  return {
    openApprovals: async ({ withinMs }) => ({ approvals: [state('pending')], expiresAtMs: Date.now() + withinMs }),
    readDecisions: async () => [state('approved')],
    expireApprovals: async () => [state('expired')],
    escalateApprovals: async () => undefined,
    notifyEscalation: async () => undefined,
    runTool: async ({ step, callIndex }) => ({
      status: 'completed',
      repeatKey: `${step}/${callIndex}`,
      preview: 'done',
    }),
    finishTurn: async () => undefined,
    ...shape.activities,
  };
}
