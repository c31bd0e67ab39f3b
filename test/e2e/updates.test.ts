/** Proves: with a deployment, the started product says which build it is, and a start after an update goes on with its turns. */
import { expect, it, describe } from 'vitest';
import { sharedProduct } from '../support/started-product.js';
import type { StartedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const product = sharedProduct({ env: { TURNSTONE_DEPLOYMENT: 'house' } });

async function workerDetail({ call }: StartedProduct): Promise<string> {
  const { json } = await call('GET', '/healthz');
  return (json as { components: { worker: { detail: string } } }).components.worker.detail;
}

async function answered({ openai }: StartedProduct): Promise<string | undefined> {
  return (await openai.responses.create({ model: 'fake/model', input: 'Say hello.' })).status;
}

describe('updates', () => {
  it(verifies('operators.updates'), async () => {
    const first = product();
    expect(await workerDetail(first)).toMatch(/^build [0-9a-f]{24} of deployment house, current$/);
    expect(await answered(first)).toBe('completed');
    const temporal = await first.temporal();
    const pinned = 'TemporalWorkerDeployment = "house" AND TemporalWorkflowVersioningBehavior = "Pinned"';
    await until(async () => (await temporal.workflow.count(pinned)).count > 0, 'the turn is pinned to the build');

    // The state an earlier build leaves: it is current, and its workers are gone.
    const { workflowService } = temporal.connection;
    await workflowService.setWorkerDeploymentCurrentVersion({
      namespace: 'default',
      deploymentName: 'house',
      buildId: 'earlier',
      allowNoPollers: true,
      ignoreMissingTaskQueues: true,
      identity: 'test',
    });
    await first.crash();
    const second = await first.startAgain();
    expect(await workerDetail(second)).toMatch(/of deployment house, current$/);
    expect(second.process.log()).toContain('this build is now the current one of its deployment');
    expect(await answered(second)).toBe('completed');
  });
});
