/** The floor: a workflow that runs one activity that does nothing. Runs in the workflow sandbox. */
import { proxyActivities } from '@temporalio/workflow';

export interface BareActivities {
  nothing(): Promise<void>;
}

export async function bare(): Promise<void> {
  await proxyActivities<BareActivities>({ startToCloseTimeout: '10s' }).nothing();
}
