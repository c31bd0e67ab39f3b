/** The shapes the workflow `undo` can take, and a worker that runs it with activities a test brings. */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { UNDO_WORKFLOW_TYPE, undoWorkflowId } from '../../domain/undo-contract.js';
import type { UndoActivities, UndoInput, UndoResult } from '../../domain/undo-contract.js';
import { bundleWorkflows } from '../../workers/bundle-workflows.js';
import { silentLogger } from './silent-logger.js';
import { TEST_CACHE_DIR } from './test-cache.js';
import { cancelWhenActive } from './turn-shapes.js';
import { untilCancelled } from './workflow-environment.js';
import type { WorkflowTestEnvironment } from './workflow-environment.js';

export type UndoHandle = WorkflowHandle<(of: UndoInput) => Promise<UndoResult>>;

export interface UndoShape {
  readonly name: string;
  readonly undoEffect: UndoActivities['undoEffect'];
  /** What happens from outside while it runs. */
  readonly meanwhile?: (run: { readonly handle: UndoHandle }) => Promise<void>;
}

export const UNDO_SHAPES: readonly UndoShape[] = [
  { name: 'undo', undoEffect: async () => ({ status: 'undone' }) },
  {
    name: 'undo-retried',
    undoEffect: async () => {
      if (activityInfo().attempt > 1) return { status: 'undone' };
      throw ApplicationFailure.create({ message: 'away', type: 'store.unavailable', nextRetryDelay: 1 });
    },
  },
  {
    name: 'undo-unknown',
    undoEffect: async () => {
      throw ApplicationFailure.nonRetryable('lost', 'server.internal');
    },
  },
  { name: 'undo-cancelled', undoEffect: untilCancelled, meanwhile: cancelWhenActive },
];

/** Runs `test` while a worker with these activities polls, and the undo of an effect of its own has started. */
export async function withUndo<T>(
  { temporal }: WorkflowTestEnvironment,
  activities: UndoActivities,
  { sticky }: { readonly sticky: boolean },
  test: (handle: UndoHandle) => Promise<T>,
): Promise<T> {
  const taskQueue = `undo-${randomUUID()}`;
  const effectId = `tc_${randomUUID().replaceAll('-', '')}`;
  const worker = await Worker.create({
    connection: temporal.nativeConnection,
    taskQueue,
    workflowBundle: { codePath: await bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger: silentLogger }) },
    activities,
    maxCachedWorkflows: sticky ? 100 : 0,
    maxHeartbeatThrottleInterval: '100ms',
  });
  const ids = { tenantId: 'default', turnId: 'resp_1', conversationId: null, requestId: 'req_1' };
  const input: UndoInput = { ...ids, effectId, tool: 'book_room', timeoutMs: 1_000 };
  return worker.runUntil(async () => {
    const workflowId = undoWorkflowId('default', effectId);
    return test(
      await temporal.client.workflow.start<(of: UndoInput) => Promise<UndoResult>>(UNDO_WORKFLOW_TYPE, {
        taskQueue,
        workflowId,
        args: [input],
      }),
    );
  });
}
