/** The floor beneath a turn: a worker of its own on the same server, for workflows with one activity that does nothing. */
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { REPOSITORY } from '../support/bench-product.js';
import { until } from '../support/statistics.js';
import type { BareActivities } from './bare-workflow.js';

const QUEUE = 'bench-bare';
const QUIET_TIMEOUT_MS = 120_000;

export interface BareWorker {
  readonly client: Client;
  /** One bare workflow, from start to result. */
  run(): Promise<void>;
  /** Resolves when no workflow runs any more. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

/** The product's payloads are encrypted, and nobody here needs what is in them. */
const unread: PayloadCodec = {
  encode: async (payloads) => payloads,
  decode: async (payloads) =>
    payloads.map((payload) =>
      Buffer.from(payload.metadata?.['encoding'] ?? '').toString() === 'binary/encrypted'
        ? { metadata: { encoding: Buffer.from('binary/null') } }
        : payload,
    ),
};

/** It uses what the product uses: a prebuilt bundle, a shared connection, eager start. */
export async function startBareWorker(address: string): Promise<BareWorker> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address });
  const activities: BareActivities = { nothing: async () => undefined };
  const workflowsPath = join(REPOSITORY, 'bench/turn/bare-workflow.ts');
  const worker = await Worker.create({ connection, taskQueue: QUEUE, workflowsPath, activities });
  const running = worker.run();
  const client = new Client({ connection, dataConverter: { payloadCodecs: [unread] } });
  let count = 0;
  return {
    client,
    async run() {
      count += 1;
      const workflowId = `bare/${process.pid}/${count}`;
      await client.workflow.execute('bare', { taskQueue: QUEUE, workflowId, requestEagerStart: true });
    },
    async quiet() {
      const none = async (): Promise<true | null> =>
        (await client.workflow.count(`ExecutionStatus = 'Running'`)).count === 0 ? true : null;
      await until('all workflows to have closed', none, QUIET_TIMEOUT_MS, 50);
    },
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
