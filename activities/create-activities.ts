/** The activities of a turn, as `domain/turn-contract.ts` declares them. */
import { internalScope } from '../domain/scope.js';
import type { ApprovalActivities } from '../domain/approval-contract.js';
import type { Scope } from '../domain/scope.js';
import type { TurnActivities } from '../domain/turn-contract.js';
import type { UndoActivities } from '../domain/undo-contract.js';
import type { ActivityDeps, RunContext, StopReason } from './activity-deps.js';
import { NOTICE_ATTEMPTS } from '../domain/approval-contract.js';
import { approvalWork } from './approvals.js';
import { finishTurn } from './finish-turn.js';
import type { Adopted, HeadStart } from './head-start.js';
import { runModelStep } from './model-step.js';
import { runActivity } from './run-activity.js';
import { runToolCall } from './tool-run.js';
import { undoEffect } from './undo-effect.js';

/** Activities act for the turn that was accepted, whoever owns it; what it reads and keeps as files is its owner's. */
function turnScope(tenantId: string): Scope {
  return internalScope(tenantId, 'turn');
}

/** @param headStart null where the API runs in another process. */
export function createActivities(
  deps: ActivityDeps,
  headStart: HeadStart | null,
): TurnActivities & ApprovalActivities & UndoActivities {
  return {
    ...createApprovalActivities(deps),
    ...createUndoActivities(deps),
    callModel: (input) =>
      runActivity(deps, { ...input, name: 'callModel' }, (run) =>
        adoptedOr(headStart?.adoptStep(input.turnId, input.step), run, () =>
          runModelStep(deps, turnScope(input.tenantId), input, run, null),
        ),
      ),
    runTool: (input) =>
      runActivity(deps, { ...input, name: 'runTool' }, (run) =>
        adoptedOr(headStart?.adoptCall(input.turnId, input.step, input.callIndex), run, () =>
          runToolCall(deps, turnScope(input.tenantId), input, run),
        ),
      ),
    finishTurn: (input) =>
      runActivity(deps, { ...input, name: 'finishTurn' }, () =>
        finishTurn(deps, turnScope(input.tenantId), input.turnId, {
          status: input.status,
          incompleteReason: input.incompleteReason ?? null,
          error: input.error ?? null,
        }),
      ),
  };
}

function createApprovalActivities(deps: ActivityDeps): ApprovalActivities {
  return {
    openApprovals: (input) =>
      runActivity(deps, { ...input, name: 'openApprovals' }, (run) =>
        approvalWork.openApprovals(deps, turnScope(input.tenantId), input, run),
      ),
    readDecisions: (input) =>
      runActivity(deps, { ...input, name: 'readDecisions' }, (run) =>
        approvalWork.readDecisions(deps, turnScope(input.tenantId), input, run),
      ),
    expireApprovals: (input) =>
      runActivity(deps, { ...input, name: 'expireApprovals' }, (run) =>
        approvalWork.expireApprovals(deps, turnScope(input.tenantId), input, run),
      ),
    escalateApprovals: (input) =>
      runActivity(deps, { ...input, name: 'escalateApprovals' }, (run) =>
        approvalWork.escalateApprovals(deps, turnScope(input.tenantId), input, run),
      ),
    notifyEscalation: (input) =>
      runActivity(deps, { ...input, name: 'notifyEscalation', attempts: NOTICE_ATTEMPTS }, (run) =>
        approvalWork.notifyEscalation(deps, turnScope(input.tenantId), input, run),
      ),
  };
}

function createUndoActivities(deps: ActivityDeps): UndoActivities {
  return {
    undoEffect: (input) =>
      runActivity(deps, { ...input, name: 'undoEffect' }, (run) =>
        undoEffect(deps, turnScope(input.tenantId), input, run),
      ),
    giveUpUndo: (input) =>
      runActivity(deps, { ...input, name: 'giveUpUndo' }, async () => {
        const ending = { effectId: input.effectId, attempt: null, status: 'unknown', text: null, error: null } as const;
        await deps.effects.endUndo(turnScope(input.tenantId), ending);
      }),
  };
}

/** The activity's reasons to stop become those of the work it adopts. */
function adoptedOr<T>(adopted: Adopted<T> | null | undefined, run: RunContext, work: () => Promise<T>): Promise<T> {
  if (adopted === null || adopted === undefined) return work();
  const stop = (): void => adopted.stop(run.signal.reason as StopReason);
  if (run.signal.aborted) stop();
  run.signal.addEventListener('abort', stop, { once: true });
  return adopted.result;
}
