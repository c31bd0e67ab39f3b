/** The workflow `undo` on a real server: it ends with what the activity says, and says so when nobody can know. */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUndoEngine } from '../../adapters/temporal/undo-engine.js';
import { undoWorkflowId } from '../../domain/undo-contract.js';
import type { UndoActivities, UndoInput, UndoResult } from '../../domain/undo-contract.js';
import { withUndo } from '../support/undo-shapes.js';
import { startWorkflowEnvironment } from '../support/workflow-environment.js';
import type { WorkflowTestEnvironment } from '../support/workflow-environment.js';

let environment: WorkflowTestEnvironment;
beforeAll(async () => {
  environment = await startWorkflowEnvironment();
});
afterAll(() => environment.stop());

async function runUndo(
  undoEffect: UndoActivities['undoEffect'],
): Promise<{ result: UndoResult | null; gaveUp: number }> {
  let gaveUp = 0;
  const giveUpUndo = async (): Promise<void> => {
    gaveUp += 1;
  };
  const result = await withUndo(environment, { undoEffect, giveUpUndo }, { sticky: false }, (handle) =>
    handle.result().catch((error: unknown) => {
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
