/** How many bytes a turn leaves in the engine's history. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { DEFAULT_TENANT } from '../../domain/scope.js';
import { turnWorkflowId } from '../../domain/turn-contract.js';
import { until } from '../support/statistics.js';
import { createTurnClient } from '../support/turn-client.js';
import type { TurnBench } from './turn-bench.js';

const STEPS = 6;
const CLOSE_TIMEOUT_MS = 120_000;

export interface HistorySizes {
  readonly plainBytes: number;
  readonly perStepBytes: number;
}

/**
 * With a head start the answer is out before the workflow has closed, perhaps before it has begun.
 * @returns the bytes of all runs of the turn: a long one goes on in a fresh history now and then.
 */
export async function closedHistoryBytes(
  client: Client,
  turn: { readonly turnId: string; readonly conversationId: string | null },
): Promise<number> {
  const workflowId = turnWorkflowId({ tenantId: DEFAULT_TENANT, ...turn });
  await until(`the workflow ${workflowId} to close`, () => hasClosed(client, workflowId), CLOSE_TIMEOUT_MS);
  let bytes = 0;
  for await (const run of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
    const described = await client.workflow.getHandle(workflowId, run.runId).describe();
    bytes += described.historySize ?? Number.NaN;
  }
  return bytes;
}

async function hasClosed(client: Client, workflowId: string): Promise<true | null> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    if (status.name === 'RUNNING') return null;
    // The list of runs follows a little later.
    const { count } = await client.workflow.count(`WorkflowId = '${workflowId}' AND ExecutionStatus != 'Running'`);
    return count > 0 ? true : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

export async function measureHistory({ product, bareWorker, keys }: TurnBench): Promise<HistorySizes> {
  const client = createTurnClient(product.apiUrl, keys);
  const size = async (input: string): Promise<number> => {
    const { responseId } = await client.turn(input);
    return closedHistoryBytes(bareWorker.client, { turnId: responseId, conversationId: null });
  };
  const plainBytes = await size('hello');
  const perStepBytes = ((await size(`${STEPS} steps`)) - plainBytes) / (STEPS - 1);
  await client.close();
  return { plainBytes, perStepBytes };
}
