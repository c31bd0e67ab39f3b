/**
 * Waiting for people: a condition with timers, so that it costs nothing and outlives every process. A signal only wakes the
 * wait; what was decided is asked of the store. Runs in the workflow sandbox: no Node, no clock but Temporal's.
 */
import { condition, proxyActivities, setHandler, defineSignal } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import { APPROVAL_DECIDED_SIGNAL, NOTICE_ATTEMPTS } from '../domain/approval-contract.js';
import type { ApprovalActivities } from '../domain/approval-contract.js';
import type { ApprovalState } from '../domain/approval.js';
import type { TurnPolicy } from '../domain/policy.js';
import type { TurnIds } from '../domain/turn-contract.js';
import type { AskedApproval, NamedCall } from './gated-calls.js';
import type { TurnProgressTracker } from './turn-progress.js';

export const approvalDecidedSignal = defineSignal<[readonly string[]]>(APPROVAL_DECIDED_SIGNAL);

/** The store answers in milliseconds; a database that is away is waited for by the retries. */
const STORE_TIMEOUT = '1m';

/** More than a webhook gets for its answer. */
const NOTICE_TIMEOUT = '30s';
const NOTICE_RETRY = {
  initialInterval: '5s',
  backoffCoefficient: 4,
  maximumInterval: '1h',
  maximumAttempts: NOTICE_ATTEMPTS,
} as const;

export interface ApprovalWait {
  /** @param inGroup puts an activity under its step in the engine's own view. */
  open(
    step: number,
    calls: readonly NamedCall[],
    inGroup: (options: ActivityOptions) => ActivityOptions,
  ): Promise<readonly AskedApproval[]>;
}

export interface ApprovalWaitOptions {
  readonly ids: TurnIds;
  readonly policy: TurnPolicy;
  readonly progress: TurnProgressTracker;
  readonly retry: NonNullable<ActivityOptions['retry']>;
}

type InGroup = Parameters<ApprovalWait['open']>[2];

interface Pending {
  resolve(state: ApprovalState): void;
  reject(error: unknown): void;
}

/** One batch of calls that waits. */
interface Waiting {
  readonly step: number;
  readonly pending: Map<string, Pending>;
  readonly expiresAtMs: number;
  readonly inGroup: InGroup;
}

interface Wakes {
  signals: number;
  heard: number;
}

/** Call it before anything else waits: a signal that comes first must find its handler. */
export function createApprovalWait(options: ApprovalWaitOptions): ApprovalWait {
  const wakes: Wakes = { signals: 0, heard: 0 };
  setHandler(approvalDecidedSignal, () => {
    wakes.signals += 1;
  });
  return {
    async open(step, calls, inGroup) {
      const { ids, policy } = options;
      const { approvals, expiresAtMs } = await activities(options, 'ask for approval', inGroup).openApprovals({
        ...ids,
        step,
        mode: policy.approvals,
        withinMs: policy.withinMs,
        // The names are for people; the store has them.
        calls: calls.map(({ callIndex, argumentsHash, because, standing }) => ({
          callIndex,
          argumentsHash,
          because,
          standing,
        })),
      });
      const waiting: Waiting = { step, pending: new Map(), expiresAtMs, inGroup };
      const asked = approvals.map((state, position) => ask(options, waiting, state, calls[position]?.name ?? ''));
      watch(options, waiting, wakes).catch((error: unknown) => {
        // A cancel, or a store that stayed away: whoever waits for a decision hears of it.
        for (const each of waiting.pending.values()) each.reject(error);
      });
      return asked;
    },
  };
}

function activities({ retry }: ApprovalWaitOptions, summary: string, inGroup: InGroup): ApprovalActivities {
  return proxyActivities<ApprovalActivities>(inGroup({ startToCloseTimeout: STORE_TIMEOUT, retry, summary }));
}

function ask(
  { policy, progress }: ApprovalWaitOptions,
  { step, pending, expiresAtMs }: Waiting,
  state: ApprovalState,
  name: string,
): AskedApproval {
  const { approvalId, callIndex } = state;
  if (state.status !== 'pending' || policy.approvals === 'return') {
    return { approvalId, decided: Promise.resolve(state) };
  }
  const stage = progress.wait({ approvalId, step, callIndex, name, expiresAtMs, escalated: false });
  const decided = new Promise<ApprovalState>((resolve, reject) => {
    pending.set(approvalId, {
      resolve: (settled) => {
        stage.end(settled.status === 'approved' ? 'completed' : 'cancelled', settled.status);
        resolve(settled);
      },
      reject,
    });
  });
  return { approvalId, decided };
}

/** Until all are decided; the deadline decides what people did not. */
async function watch(options: ApprovalWaitOptions, waiting: Waiting, wakes: Wakes): Promise<void> {
  const { ids, policy, progress } = options;
  const { step, pending, expiresAtMs, inGroup } = waiting;
  let escalateAtMs = policy.escalateAfterMs === null ? Infinity : Date.now() + policy.escalateAfterMs;
  while (pending.size > 0) {
    const untilMs = Math.min(expiresAtMs, escalateAtMs) - Date.now();
    const woken = await condition(() => wakes.signals !== wakes.heard, Math.max(1, untilMs));
    wakes.heard = wakes.signals;
    const input = { ...ids, step, approvalIds: [...pending.keys()] };
    if (woken) settle(pending, await activities(options, 'decisions', inGroup).readDecisions(input));
    else if (Date.now() >= expiresAtMs) {
      settle(pending, await activities(options, 'deadline', inGroup).expireApprovals(input));
    } else if (Date.now() >= escalateAtMs) {
      escalateAtMs = Infinity;
      const told = await activities(options, 'escalate', inGroup).escalateApprovals(input);
      progress.escalated(input.approvalIds);
      for (const approvalId of told?.notify ?? []) notify(options, waiting, approvalId);
    }
  }
}

/** Nobody waits for it: a webhook that is dead or slow must not keep a decision from being heard, or fail the turn. */
function notify({ ids }: ApprovalWaitOptions, { step, inGroup }: Waiting, approvalId: string): void {
  const { notifyEscalation } = proxyActivities<ApprovalActivities>(
    inGroup({ startToCloseTimeout: NOTICE_TIMEOUT, retry: NOTICE_RETRY, summary: 'tell the webhook' }),
  );
  notifyEscalation({ ...ids, step, approvalId }).catch(() => undefined); // The activity has logged why.
}

function settle(pending: Map<string, Pending>, states: readonly ApprovalState[]): void {
  for (const state of states) {
    if (state.status === 'pending') continue;
    pending.get(state.approvalId)?.resolve(state);
    pending.delete(state.approvalId);
  }
}
