/** The activities of a turn, as `domain/turn-contract.ts` declares them. */
import type { Scope } from '../domain/scope.js';
import type { CallModelInput, CallModelResult, TurnActivities } from '../domain/turn-contract.js';
import type { ActivityDeps, RunContext } from './activity-deps.js';
import { finishTurn } from './finish-turn.js';
import type { HeadStart } from './head-start.js';
import { runModelStep } from './model-step.js';
import { runActivity } from './run-activity.js';
import { runToolCall } from './tool-run.js';

/** Activities act for the turn that was accepted, in its tenant. */
function turnScope(tenantId: string): Scope {
  return { tenantId, principalId: 'turn', scopes: [] };
}

/** @param headStart null where the API runs in another process. */
export function createActivities(deps: ActivityDeps, headStart: HeadStart | null): TurnActivities {
  return {
    callModel: (input) =>
      runActivity(deps, { ...input, name: 'callModel' }, (run) => {
        const adopted = adopt(headStart, input, run);
        return adopted ?? runModelStep(deps, turnScope(input.tenantId), input, run, null);
      }),
    runTool: (input) =>
      runActivity(deps, { ...input, name: 'runTool' }, (run) =>
        runToolCall(deps, turnScope(input.tenantId), input, run),
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

/** The activity's reasons to stop become the head start's. */
function adopt(headStart: HeadStart | null, input: CallModelInput, run: RunContext): Promise<CallModelResult> | null {
  const started = headStart?.adopt(input.turnId, input.step) ?? null;
  if (started === null) return null;
  const stop = (): void => started.stop(run.signal.reason as Parameters<typeof started.stop>[0]);
  if (run.signal.aborted) stop();
  run.signal.addEventListener('abort', stop, { once: true });
  return started.result;
}
