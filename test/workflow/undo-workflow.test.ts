/** The workflow `undo` on a real server: it ends with what the activity says, and says so when nobody can know. */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUndoEngine } from '../../adapters/temporal/undo-engine.js';
import { UNDO_WORKFLOW_TYPE, undoWorkflowId } from '../../domain/undo-contract.js';
import type { UndoActivities, UndoInput, UndoResult } from '../../domain/undo-contract.js';
import { bundleWorkflows } from '../../workers/bundle-workflows.js';
import { silentLogger } from '../support/silent-logger.js';
import { TEST_CACHE_DIR } from '../support/test-cache.js';
import { startWorkflowEnvironment } from '../support/workflow-environment.js';
import type { WorkflowTestEnvironment } from '../support/workflow-environment.js';

let environment: WorkflowTestEnvironment;
let codePath: string;
beforeAll(async () => {
  environment = await startWorkflowEnvironment();
  codePath = await bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger: silentLogger });
});
afterAll(() => environment.stop());

async function runUndo(
  undoEffect: UndoActivities['undoEffect'],
): Promise<{ result: UndoResult | null; gaveUp: number }> {
  const taskQueue = `undo-${randomUUID()}`;
  let gaveUp = 0;
  const giveUpUndo = async (): Promise<void> => {
    gaveUp += 1;
  };
  const worker = await Worker.create({
    connection: environment.temporal.nativeConnection,
    taskQueue,
    workflowBundle: { codePath },
    activities: { undoEffect, giveUpUndo },
    maxCachedWorkflows: 0,
  });
  const effectId = `tc_${randomUUID().replaceAll('-', '')}`;
  const ids = { tenantId: 'default', turnId: 'resp_1', conversationId: null, requestId: 'req_1' };
  const input: UndoInput = { ...ids, effectId, tool: 'book_room', timeoutMs: 1_000 };
  const workflowId = undoWorkflowId('default', effectId);
  const result = await worker.runUntil(
    environment.temporal.client.workflow
      .execute<(of: UndoInput) => Promise<UndoResult>>(UNDO_WORKFLOW_TYPE, { taskQueue, workflowId, args: [input] })
      .catch((error: unknown) => {
        expect(error).toBeInstanceOf(WorkflowFailedError);
        return null;
      }),
  );
  return { result, gaveUp };
}

describe('workflow undo', () => {
  it('the tool says how it ended -> that is the result, failed or not', async () => {
    expect(await runUndo(async () => ({ status: 'failed' }))).toEqual({ result: { status: 'failed' }, gaveUp: 0 });
  });

  it('an attempt that is lost -> another one', async () => {
    let attempts = 0;
    const outcome = await runUndo(async () => {
      attempts += 1;
      if (attempts === 1)
        throw ApplicationFailure.create({ message: 'away', type: 'store.unavailable', nextRetryDelay: 1 });
      return { status: 'undone' };
    });
    expect(outcome).toEqual({ result: { status: 'undone' }, gaveUp: 0 });
  });

  it('nobody can find out -> the effect is told that its undo is unknown, and the workflow fails', async () => {
    const outcome = await runUndo(async () => {
      throw ApplicationFailure.nonRetryable('lost', 'server.internal');
    });
    expect(outcome).toEqual({ result: null, gaveUp: 1 });
  });

  it('asked to start again -> the engine says what became of the one there is', async () => {
    const taskQueue = `undo-${randomUUID()}`;
    const undoEngine = createUndoEngine({ client: environment.temporal.client, taskQueue });
    const ids = { tenantId: 'default', turnId: 'resp_1', conversationId: null, requestId: 'req_1' };
    const effectId = `tc_${randomUUID().replaceAll('-', '')}`;
    const input: UndoInput = { ...ids, effectId, tool: 'book_room', timeoutMs: 1_000 };
    expect(await undoEngine.startUndo(input)).toBe('started');
    expect(await undoEngine.startUndo(input)).toBe('running');
    await environment.temporal.client.workflow.getHandle(undoWorkflowId('default', effectId)).terminate('by hand');
    expect(await undoEngine.startUndo(input)).toBe('ended');
  });
});
