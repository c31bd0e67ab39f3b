/** Starts what benchmarks measure: the product as a user starts it, with a provider that does as it is told. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../../adapters/temporal/local-ports.js';
import { startChild } from './child-process.js';
import type { Child } from './child-process.js';
import { until } from './statistics.js';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
/** Never leaves this machine: the product of the benchmark listens on loopback and is gone afterwards. */
const ADMIN_KEY = 'ts_benchmark_only_key_0000000000000000';
const READY_TIMEOUT_MS = 120_000;

export interface BenchProduct {
  readonly apiUrl: string;
  readonly adminKey: string;
  readonly temporalAddress: string;
  /** Of the product, as it runs now. */
  pid(): number;
  /** Of its Temporal server. */
  temporalPid(): Promise<number>;
  /** Keys of their own, since a key has a rate limit that no single caller reaches. */
  makeKeys(count: number): Promise<readonly string[]>;
  /** As `kill -9` does: nothing is drained. Its Temporal server is not touched. */
  kill(): Promise<void>;
  /** Again on the same data folder; resolves when it answers. */
  startAgain(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export interface BenchProvider {
  readonly url: string;
  /** When the answer to the request with this text in its last user message was closed by its caller. */
  closedAtMs(mark: string): Promise<number>;
  stop(): Promise<void>;
}

/** In a process of its own, so that it takes no time from the callers. */
export async function startProvider(): Promise<BenchProvider> {
  const provider = startChild(
    process.execPath,
    ['--import', 'tsx', join(REPOSITORY, 'bench/support/provider-process.ts')],
    process.env,
  );
  const { port } = JSON.parse(await provider.line((line) => line.includes('"port"'))) as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    async closedAtMs(mark) {
      const line = await provider.line((text) => text.includes('closedAtMs') && text.includes(mark));
      return (JSON.parse(line) as { closedAtMs: number }).closedAtMs;
    },
    stop: () => provider.stop(),
  };
}

export interface BenchProductOptions {
  /** More lines of the model's entry in the configuration, and of the configuration. */
  readonly model?: string;
  readonly config?: string;
}

export async function startBenchProduct(providerUrl: string, options: BenchProductOptions = {}): Promise<BenchProduct> {
  const folder = await mkdtemp(join(tmpdir(), 'turnstone-bench-'));
  const [apiPort, temporalPort] = [await findFreePort(), await findFreePort()];
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const config = join(folder, 'turnstone.config.yaml');
  const data = join(folder, 'data');
  await writeFile(config, configText(providerUrl, temporalPort, options));
  const environment = { ...productEnvironment(config, data), PORT: String(apiPort) };
  let running: Child = await startProduct(environment, apiUrl);
  return {
    apiUrl,
    adminKey: ADMIN_KEY,
    temporalAddress: `127.0.0.1:${temporalPort}`,
    pid: () => running.process.pid ?? 0,
    async temporalPid() {
      const record = JSON.parse(await readFile(join(data, 'temporal.json'), 'utf8')) as { pid: number };
      return record.pid;
    },
    makeKeys: (count) => Promise.all(Array.from({ length: count }, (_none, index) => makeKey(apiUrl, index))),
    kill: () => running.kill(),
    async startAgain() {
      running = await startProduct(environment, apiUrl);
    },
    async stop() {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function productEnvironment(config: string, data: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TURNSTONE_CONFIG: config,
    TURNSTONE_DATA_DIR: data,
    TURNSTONE_CACHE_DIR: process.env['TURNSTONE_CACHE_DIR'] ?? join(REPOSITORY, '.cache'),
    TURNSTONE_ADMIN_KEY: ADMIN_KEY,
    LOG_LEVEL: 'warn',
  };
}

function configText(providerUrl: string, temporalPort: number, { model, config }: BenchProductOptions): string {
  return [
    'providers:',
    `  - { name: bench, base_url: "${providerUrl}/v1", api_key: bench, models: [{ name: bench${model ?? ''} }] }`,
    ...(config === undefined ? [] : [config]),
    'default_model: bench/bench',
    `temporal: { port: ${temporalPort} }`,
    'python: { enabled: false }',
    '',
  ].join('\n');
}

async function startProduct(environment: NodeJS.ProcessEnv, apiUrl: string): Promise<Child> {
  // For a profile: BENCH_NODE_OPTIONS='--cpu-prof --cpu-prof-dir=…'.
  const options = (process.env['BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== '');
  const launcher = join(REPOSITORY, 'cli/turnstone.mjs');
  const product = startChild(process.execPath, [...options, launcher, 'start'], environment);
  const ready = async (): Promise<true | null> =>
    (await fetch(`${apiUrl}/readyz`).then(
      (response) => response.ok,
      () => false,
    ))
      ? true
      : null;
  await Promise.race([until('the product to be ready', ready, READY_TIMEOUT_MS), product.line(() => false)]);
  return product;
}

async function makeKey(apiUrl: string, index: number): Promise<string> {
  const response = await fetch(`${apiUrl}/v1/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: `caller ${index}`, scopes: ['read', 'write'] }),
  });
  const made = (await response.json()) as { readonly key?: string };
  if (made.key === undefined) throw new Error(`no key was made: HTTP ${response.status} ${JSON.stringify(made)}`);
  return made.key;
}
