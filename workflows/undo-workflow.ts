/**
 * The workflow `undo`: takes back the effect of one tool call, once. It ends known or unknown, never open.
 * Runs in the workflow sandbox: no Node, no clock but Temporal's, no module-level state.
 */
import { CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { UndoActivities, UndoInput, UndoResult } from '../domain/undo-contract.js';

/** As for the activities of a turn. */
const HEARTBEAT_TIMEOUT = '10s';
const GRACE_MS = 30_000;
const RETRY = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10s', maximumAttempts: 60 } as const;

export async function undo(input: UndoInput): Promise<UndoResult> {
  const activities = proxyActivities<UndoActivities>({
    startToCloseTimeout: input.timeoutMs + GRACE_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    retry: RETRY,
    summary: `undo ${input.tool}`,
  });
  try {
    return await activities.undoEffect(input);
  } catch (error) {
    await CancellationScope.nonCancellable(() => activities.giveUpUndo(input));
    throw error;
  }
}
