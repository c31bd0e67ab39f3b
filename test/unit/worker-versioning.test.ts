/** Proves: a server that cannot pin turns to builds is refused at the start, with the setting, what is wrong and the way out. */
import { describe, expect, it } from 'vitest';
import { isOlder, requireVersioning } from '../../adapters/temporal/worker-deployment.js';

type Engine = Parameters<typeof requireVersioning>[0];

interface Refusal {
  readonly code: number;
  readonly message: string;
}

function aServer(serverVersion: string, refusal: Refusal | null = null): Engine {
  const workflowService = {
    getSystemInfo: async () => ({ serverVersion }),
    describeWorkerDeployment: async () => {
      if (refusal === null) return { workerDeploymentInfo: null, conflictToken: new Uint8Array() };
      throw Object.assign(new Error(refusal.message), { ...refusal, details: refusal.message, metadata: {} });
    },
  };
  const connection = { workflowService, withDeadline: <T>(_at: number, call: () => Promise<T>) => call() };
  return { connection, namespace: 'default', address: 'temporal:7233' } as unknown as Engine;
}

describe('worker versioning: the server', () => {
  it.each([
    ['1.28.4', true],
    ['1.29.0', true],
    ['0.30.9', true],
    ['1.29.1', false],
    ['1.29.7', false],
    ['1.32.0', false],
    ['2.0.0', false],
    ['v1.30.0-148.3', false],
    ['nightly', false],
  ])('version %s: older than what is needed -> %s', (version, older) => {
    expect(isOlder(version)).toBe(older);
  });

  it('too old: -> says setting, server, version and remedy', async () => {
    await expect(requireVersioning(aServer('1.24.2'), 'blue')).rejects.toMatchObject({
      code: 'server.cannot-start',
      message: expect.stringMatching(
        /temporal\.deployment is blue.*temporal:7233 is version 1\.24\.2.*1\.29\.1 or later.*unset TURNSTONE_DEPLOYMENT/,
      ) as string,
    });
  });

  it('switched off: -> says what the server said, and the remedy', async () => {
    const off = { code: 12, message: 'deployments are disabled on this namespace' };
    await expect(requireVersioning(aServer('1.32.0', off), 'blue')).rejects.toMatchObject({
      code: 'server.cannot-start',
      message: expect.stringMatching(/refused: deployments are disabled.*unset TURNSTONE_DEPLOYMENT/) as string,
    });
  });

  it('the deployment is not there yet: -> may be used, the first worker makes it', async () => {
    await requireVersioning(aServer('1.32.0', { code: 5, message: 'no Worker Deployment found' }), 'blue');
    await requireVersioning(aServer('1.32.0'), 'blue');
  });
});
