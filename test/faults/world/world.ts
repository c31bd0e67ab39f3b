/**
 * One product with everything around it: its folder, the world outside, and how it is started, killed and stopped. The
 * product is started as a user starts it; what is outside goes on whatever happens to it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyEmptyDatabase } from '../../support/pglite-template.js';
import { startProductProcess } from '../../support/product-process.js';
import type { ReadyProduct } from '../../support/product-process.js';
import type { Outside } from './outside-process.js';
import { startOutside } from './outside-process.js';

export const FAULT_KEY = 'ts_key_of_the_fault_runs_000000000000000000';
/** Found in nothing the product leaves behind. */
export const PROVIDER_SECRET = 'canary-provider-secret-5f2d8c';
/** A provider key that comes with a request: sealed wherever it is kept. */
export const SENT_SECRET = 'canary-sent-provider-secret-7c1e';
/** For histories of every tenant, as an operator's tools read them. */
export const CODEC_TOKEN = 'canary-codec-token-of-the-fault-runs-000000';
export const MASTER_KEY = Buffer.from('canary-master-key-of-fault-runs!').toString('base64');

export interface WorldOptions {
  /** Of the one provider: more of its settings. */
  readonly provider?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What the product talks to in place of the provider itself. */
  readonly providerPort?: (real: number) => Promise<number>;
  /** More providers. */
  readonly providers?: string;
  /** More lines of configuration. */
  readonly config?: string;
  /** Where the data folder is made; default: the system's temporary folder. */
  readonly parent?: string;
}

export interface World {
  readonly folder: string;
  readonly dataDir: string;
  readonly outside: Outside;
  apiUrl(): string;
  /** What it is started with, for another process of the same installation. */
  environment(): Readonly<Record<string, string>>;
  /** The process that runs now. */
  product(): ReadyProduct;
  /** Starts it (again), on the same folder and the same port. @returns milliseconds until it was ready. */
  start(env?: Readonly<Record<string, string>>): Promise<number>;
  /** Dies at once, as in a crash. Its Temporal server is left to notice by itself. */
  kill(): Promise<void>;
  /** Stops it in good order. */
  stop(): Promise<void>;
  /** Everything it wrote to its log, over all its lives. */
  log(): string;
  /** How often it died so far, by our hand or at a crash point. */
  deaths(): number;
  dispose(): Promise<void>;
}

/** Points and paths that a run of cases changes while the product runs. */
export const crashFile = (folder: string): string => join(folder, 'crash-at');
export const traceFile = (folder: string): string => join(folder, 'crash-trace');

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const folder = mkdtempSync(join(options.parent ?? tmpdir(), 'turnstone-faults-'));
  const outside = await startOutside(join(folder, 'outside.jsonl'));
  const dataDir = join(folder, 'data');
  await copyEmptyDatabase(join(dataDir, 'database'));
  const providerPort = (await options.providerPort?.(outside.providerPort)) ?? outside.providerPort;
  writeFileSync(join(folder, 'turnstone.config.yaml'), configText(providerPort, options));
  const port = await freePort();
  const lives: ReadyProduct[] = [];
  const cleanUps: (() => Promise<void>)[] = [];
  let deaths = 0;

  const product = (): ReadyProduct => {
    const current = lives.at(-1);
    if (current === undefined) throw new Error('the product was never started');
    return current;
  };
  const world: World = {
    folder,
    dataDir,
    outside,
    apiUrl: () => `http://127.0.0.1:${port}`,
    environment: () => environment(folder, outside, port),
    product,
    async start(env = {}) {
      const startedMs = performance.now();
      const base = environment(folder, outside, port);
      const started = await startProductProcess(dataDir, {
        env: { ...base, ...options.env, ...env },
        onEnd: (cleanUp) => cleanUps.push(cleanUp),
      });
      lives.push(started);
      void started.ended.then((how) => {
        if (how === 'SIGKILL') deaths += 1;
      });
      return Math.round(performance.now() - startedMs);
    },
    async kill() {
      product().kill('SIGKILL');
      await product().ended;
    },
    async stop() {
      product().signalGroup('SIGTERM');
      await product().ended;
    },
    log: () => lives.map((life) => life.log()).join(''),
    deaths: () => deaths,
    async dispose() {
      for (const cleanUp of cleanUps.reverse()) await cleanUp();
      await outside.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return world;
}

function environment(folder: string, outside: Outside, port: number): Record<string, string> {
  return {
    NODE_ENV: 'test',
    CRASH_AT: `@${crashFile(folder)}`,
    CRASH_TRACE: traceFile(folder),
    FAULT_LEDGER: outside.ledgerUrl,
    TURNSTONE_CONFIG: join(folder, 'turnstone.config.yaml'),
    TURNSTONE_ADMIN_KEY: FAULT_KEY,
    TURNSTONE_MASTER_KEY: MASTER_KEY,
    TURNSTONE_CODEC_TOKEN: CODEC_TOKEN,
    TURNSTONE_AGENTS_DIR: fileURLToPath(new URL('../agents', import.meta.url)),
    TURNSTONE_TOOL_MODULES: fileURLToPath(new URL('./effect-sink-tools.mjs', import.meta.url)),
    PORT: String(port),
  };
}

function configText(providerPort: number, { provider = '', providers = '', config = '' }: WorldOptions): string {
  return `providers:
  - name: fake
    base_url: http://127.0.0.1:${providerPort}/v1
    api_key: ${PROVIDER_SECRET}
${provider}
    models:
      - name: model
        prices: { input_per_million_micros: 1000000, output_per_million_micros: 2000000 }
      - name: small
        context_window: 2000
        prices: { input_per_million_micros: 1000000, output_per_million_micros: 2000000 }
${providers}
egress:
  allow: ['127.0.0.1/32']
${config}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
