/** Starts what the benchmark measures: a provider, the product as a user starts it, and a bare worker on its server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { findFreePort } from '../../adapters/temporal/local-ports.js';
import { startChild } from '../child-process.js';
import type { BareActivities } from './bare-workflow.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const QUEUE = 'bench-bare';
/** Never leaves this machine: the product of the benchmark listens on loopback and is gone afterwards. */
const KEY = 'ts_benchmark_only_key_0000000000000000';

export interface BenchEnvironment {
  readonly apiUrl: string;
  readonly key: string;
  readonly providerUrl: string;
  readonly temporal: Client;
  /** One bare workflow, from start to result. */
  bareWorkflow(): Promise<void>;
  stop(): Promise<void>;
}

export async function startBenchEnvironment(): Promise<BenchEnvironment> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const folder = await mkdtemp(join(tmpdir(), 'turnstone-bench-'));
  const [apiPort, temporalPort] = [await findFreePort(), await findFreePort()];
  const provider = startChild(
    process.execPath,
    ['--import', 'tsx', join(repository, 'bench/turn/provider-process.ts')],
    process.env,
  );
  const { port } = JSON.parse(await provider.line((line) => line.startsWith('{'))) as { port: number };
  const providerUrl = `http://127.0.0.1:${port}`;
  const config = join(folder, 'turnstone.config.yaml');
  await writeFile(config, configText(providerUrl, temporalPort));
  const product = startChild(process.execPath, [join(repository, 'cli/turnstone.mjs'), 'start'], {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TURNSTONE_CONFIG: config,
    TURNSTONE_DATA_DIR: join(folder, 'data'),
    TURNSTONE_CACHE_DIR: process.env['TURNSTONE_CACHE_DIR'] ?? join(repository, '.cache'),
    TURNSTONE_ADMIN_KEY: KEY,
    PORT: String(apiPort),
    LOG_LEVEL: 'warn',
  });
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  await Promise.race([untilReady(apiUrl), product.line(() => false)]);
  const bare = await startBareWorker(`127.0.0.1:${temporalPort}`);
  return {
    apiUrl,
    key: KEY,
    providerUrl,
    temporal: bare.client,
    bareWorkflow: bare.run,
    async stop() {
      await bare.stop();
      await product.stop();
      await provider.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configText(providerUrl: string, temporalPort: number): string {
  return [
    'providers:',
    `  - { name: bench, base_url: "${providerUrl}/v1", api_key: bench, models: [{ name: bench }] }`,
    'default_model: bench/bench',
    `temporal: { port: ${temporalPort} }`,
    'python: { enabled: false }',
    '',
  ].join('\n');
}

async function untilReady(apiUrl: string): Promise<void> {
  const deadlineMs = Date.now() + 120_000;
  while (Date.now() < deadlineMs) {
    const ready = await fetch(`${apiUrl}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the product was not ready within two minutes');
}

interface BareWorker {
  readonly client: Client;
  run(): Promise<void>;
  stop(): Promise<void>;
}

/** The floor uses what the product uses: a prebuilt bundle, a shared connection, eager start. */
async function startBareWorker(address: string): Promise<BareWorker> {
  const connection = await NativeConnection.connect({ address });
  const activities: BareActivities = { nothing: async () => undefined };
  const workflowsPath = join(repository, 'bench/turn/bare-workflow.ts');
  const worker = await Worker.create({ connection, taskQueue: QUEUE, workflowsPath, activities });
  const running = worker.run();
  const client = new Client({ connection });
  let count = 0;
  return {
    client,
    async run() {
      count += 1;
      const workflowId = `bare/${process.pid}/${count}`;
      await client.workflow.execute('bare', { taskQueue: QUEUE, workflowId, requestEagerStart: true });
    },
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
