/**
 * Asking people: the activities that open approvals, read what was decided, expire and escalate. The store decides which
 * decision counts; here it is only asked, and readers are told.
 */
import type {
  ApprovalActivities,
  ApprovalsOfStepInput,
  EscalationResult,
  OpenApprovalsInput,
  OpenApprovalsResult,
} from '../domain/approval-contract.js';
import { approvalEvent, settledEvent } from '../domain/approval-event.js';
import type { ApprovalState } from '../domain/approval.js';
import type { TurnEventDraft } from '../domain/event.js';
import { newId } from '../domain/ids.js';
import type { McpApprovalRequestItem } from '../domain/approval-item.js';
import type { ApprovalRecord, OpenedApproval } from '../domain/ports/approval-store.js';
import type { Scope } from '../domain/scope.js';
import type { ActivityDeps, RunContext } from './activity-deps.js';
import { publishApprovalEvents } from './approval-events.js';
import { notifyEscalation } from './escalation.js';

/** A step has at most 128 calls. */
const MAX_OF_STEP = 128;

export type ApprovalWork = {
  readonly [Name in keyof ApprovalActivities]: (
    deps: ActivityDeps,
    scope: Scope,
    input: Parameters<ApprovalActivities[Name]>[0],
    run: RunContext,
  ) => ReturnType<ApprovalActivities[Name]>;
};

export const approvalWork: ApprovalWork = {
  openApprovals,
  readDecisions,
  expireApprovals,
  escalateApprovals,
  notifyEscalation,
};

async function openApprovals(
  deps: ActivityDeps,
  scope: Scope,
  input: OpenApprovalsInput,
  run: RunContext,
): Promise<OpenApprovalsResult> {
  const { turnId, step, mode, withinMs } = input;
  const calls = input.calls.map((call) => ({ ...call, approvalId: newId('approval') }));
  const opened = await deps.approvals.open(scope, { turnId, step, mode, withinMs, calls });
  // Said again by a retry: a process that died between the write and the events must not leave people unasked.
  const asked = opened.filter(({ approval }) => approval.status === 'pending');
  await publishApprovalEvents(deps, scope, turnId, run.engineAttempt, asked.map(requestEvents));
  for (const { approval, openedNow } of opened) {
    if (!openedNow) continue;
    run.log.info({ approvalId: approval.id, tool: approval.name, because: approval.because }, 'approval requested');
    deps.metrics.approval({ event: approval.status === 'pending' ? 'requested' : 'consented' });
  }
  return {
    approvals: await statesAfterOpening(deps, scope, input, run, opened),
    expiresAtMs: Math.min(...opened.map(({ approval }) => approval.expiresAtMs)),
  };
}

/** A message that came before the question stands for an answer to it: the turn goes on with the message. */
async function statesAfterOpening(
  deps: ActivityDeps,
  scope: Scope,
  { mode, ...ids }: OpenApprovalsInput,
  run: RunContext,
  opened: readonly OpenedApproval[],
): Promise<readonly ApprovalState[]> {
  const overtaken = mode === 'wait' && (await deps.approvals.denyOvertaken(ids.turnId, MAX_OF_STEP)) > 0;
  if (!overtaken) return opened.map(({ approval }) => toState(approval));
  const input = { ...ids, approvalIds: opened.map(({ approval }) => approval.id) };
  const heard = await hear(deps, scope, input, run, await approvalsOf(deps, scope, input));
  return opened.map(({ approval }) => heard.find(({ approvalId }) => approvalId === approval.id) ?? toState(approval));
}

function requestEvents({ approval, outputIndex }: OpenedApproval): { part: string; drafts: TurnEventDraft[] } {
  const { id, name } = approval;
  const item: McpApprovalRequestItem = {
    type: 'mcp_approval_request',
    id,
    name,
    arguments: approval.arguments,
    server_label: 'turnstone',
  };
  const shown: TurnEventDraft[] =
    outputIndex === null
      ? []
      : [
          { type: 'response.output_item.added', output_index: outputIndex, item },
          { type: 'response.output_item.done', output_index: outputIndex, item },
        ];
  return { part: `${id}/requested`, drafts: [...shown, approvalEvent('requested', approval)] };
}

async function readDecisions(
  deps: ActivityDeps,
  scope: Scope,
  input: ApprovalsOfStepInput,
  run: RunContext,
): Promise<readonly ApprovalState[]> {
  const approvals = await approvalsOf(deps, scope, input);
  return hear(deps, scope, input, run, approvals);
}

async function expireApprovals(
  deps: ActivityDeps,
  scope: Scope,
  input: ApprovalsOfStepInput,
  run: RunContext,
): Promise<readonly ApprovalState[]> {
  const { turnId } = input;
  const expired = await deps.approvals.settlePending(scope, turnId, {
    status: 'expired',
    origin: 'deadline',
    reason: null,
  });
  for (const approval of expired) run.log.warn({ approvalId: approval.id, tool: approval.name }, 'approval expired');
  // What a person decided in the last moment counts, and is among these.
  return hear(deps, scope, input, run, await approvalsOf(deps, scope, input));
}

async function escalateApprovals(
  deps: ActivityDeps,
  scope: Scope,
  input: ApprovalsOfStepInput,
  run: RunContext,
): Promise<EscalationResult> {
  const now = await deps.approvals.escalate(scope, input.turnId);
  // Said again by a retry, as the requests are.
  const waiting = await approvalsOf(deps, scope, input);
  const escalated = waiting.filter(({ status, escalatedAtMs }) => status === 'pending' && escalatedAtMs !== null);
  const events = escalated.map((approval) => ({
    part: `${approval.id}/escalated`,
    drafts: [approvalEvent('escalated', approval)],
  }));
  await publishApprovalEvents(deps, scope, input.turnId, run.engineAttempt, events);
  for (const { id, name, expiresAtMs } of now) {
    const expiresAt = new Date(expiresAtMs).toISOString();
    run.log.warn({ approvalId: id, tool: name, expiresAt }, 'nobody has decided about a call yet');
    deps.metrics.approval({ event: 'escalated' });
  }
  return deps.escalation === undefined ? {} : { notify: escalated.map(({ id }) => id) };
}

async function approvalsOf(
  deps: ActivityDeps,
  scope: Scope,
  { turnId, approvalIds }: ApprovalsOfStepInput,
): Promise<readonly ApprovalRecord[]> {
  const query = { status: null, conversationId: null, turnId, after: null, limit: MAX_OF_STEP, order: 'desc' as const };
  const { approvals } = await deps.approvals.list(scope, query);
  return approvals.filter(({ id }) => approvalIds.includes(id));
}

/** Told first, then marked: a process that dies in between tells it again, and none goes untold. */
async function hear(
  deps: ActivityDeps,
  scope: Scope,
  { turnId }: ApprovalsOfStepInput,
  run: RunContext,
  approvals: readonly ApprovalRecord[],
): Promise<readonly ApprovalState[]> {
  const settled = approvals.filter(({ status }) => status !== 'pending');
  const events = settled.map((approval) => ({ part: `${approval.id}/settled`, drafts: [settledEvent(approval)] }));
  await publishApprovalEvents(deps, scope, turnId, run.engineAttempt, events);
  await deps.approvals.markHeard(
    scope,
    settled.map(({ id }) => id),
  );
  for (const { status } of settled) deps.metrics.approval({ event: status });
  return approvals.map(toState);
}

function toState({ id, callIndex, status }: ApprovalRecord): ApprovalState {
  return { approvalId: id, callIndex, status };
}
