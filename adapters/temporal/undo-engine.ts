/** `UndoEngine` on Temporal: the workflow's id is the effect's, and no id is used twice. */
import type { Client } from '@temporalio/client';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { UndoEngine } from '../../domain/ports/undo-engine.js';
import { UNDO_WORKFLOW_TYPE, undoWorkflowId } from '../../domain/undo-contract.js';
import { CALL_TIMEOUT_MS, engineFailure, isAlreadyStarted, isRunning } from './engine-errors.js';

export function createUndoEngine({
  client,
  taskQueue,
}: {
  readonly client: Client;
  readonly taskQueue: string;
}): UndoEngine {
  return {
    async startUndo(input) {
      const options = {
        taskQueue,
        workflowId: undoWorkflowId(input.tenantId, input.effectId),
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        args: [input],
        staticSummary: `undo ${input.tool}`,
        memo: { turnId: input.turnId },
      };
      const within = <T>(call: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
      const doing = `start the undo of ${input.effectId}`;
      try {
        await within(() => client.workflow.start(UNDO_WORKFLOW_TYPE, options));
        return 'started';
      } catch (error) {
        if (!isAlreadyStarted(error)) throw engineFailure(error, doing);
      }
      try {
        const { status } = await within(() => client.workflow.getHandle(options.workflowId).describe());
        return isRunning(status.name) ? 'running' : 'ended';
      } catch (error) {
        throw engineFailure(error, doing);
      }
    },
  };
}
