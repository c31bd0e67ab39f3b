/** Stands in for the real workflow in tests of the engine adapter: answers `progress`, and ends when it is told to. */
import { condition, defineQuery, defineSignal, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { TurnInput } from '../../domain/turn-contract.js';

const progress = defineQuery<{ turnId: string; runId: string }>('progress');
const finish = defineSignal('finish');

export async function turn(input: TurnInput): Promise<void> {
  let finished = false;
  setHandler(progress, () => ({ turnId: input.turnId, runId: workflowInfo().runId }));
  setHandler(finish, () => {
    finished = true;
  });
  const { begun } = proxyActivities<{ begun(turnId: string): Promise<void> }>({ startToCloseTimeout: '5s' });
  await begun(input.turnId);
  await condition(() => finished);
}
