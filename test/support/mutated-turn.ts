/** The turn with one more command first: what a careless change of the workflow does to recorded histories. */
import { proxyActivities } from '@temporalio/workflow';
import type { TurnInput, TurnResult } from '../../domain/turn-contract.js';
import { turn as today } from '../../workflows/turn-workflow.js';

export { undo } from '../../workflows/undo-workflow.js';

export async function turn(input: TurnInput): Promise<TurnResult> {
  const { begun } = proxyActivities<{ begun(turnId: string): Promise<void> }>({ startToCloseTimeout: '5s' });
  await begun(input.turnId);
  return today(input);
}
