/** How many bytes a turn leaves in the engine's history. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { DEFAULT_TENANT } from '../../domain/scope.js';
import { turnWorkflowId } from '../../domain/turn-contract.js';
import { until } from '../support/statistics.js';
import { createTurnClient } from '../support/turn-client.js';
import type { TurnBench } from './turn-bench.js';

const STEPS = 6;
const CLOSE_TIMEOUT_MS = 30_000;

export interface HistorySizes {
  readonly plainBytes: number;
  readonly perStepBytes: number;
}

/** With a head start the answer is out before the workflow has closed, perhaps before it has begun. */
export function closedHistoryBytes(client: Client, workflowId: string): Promise<number> {
  const size = async (): Promise<number | null> => {
    try {
      const run = await client.workflow.getHandle(workflowId).describe();
      return run.status.name === 'RUNNING' ? null : (run.historySize ?? Number.NaN);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  };
  return until(`the workflow ${workflowId} to close`, size, CLOSE_TIMEOUT_MS);
}

export async function measureHistory({ product, bareWorker, keys }: TurnBench): Promise<HistorySizes> {
  const client = createTurnClient(product.apiUrl, keys);
  const size = async (input: string): Promise<number> => {
    const { responseId } = await client.turn(input);
    return closedHistoryBytes(
      bareWorker.client,
      turnWorkflowId({ tenantId: DEFAULT_TENANT, turnId: responseId, conversationId: null }),
    );
  };
  const plainBytes = await size('hello');
  const perStepBytes = ((await size(`${STEPS} steps`)) - plainBytes) / (STEPS - 1);
  await client.close();
  return { plainBytes, perStepBytes };
}
