/** The product started as a user starts it, with a fake provider as its only model, for scenarios over HTTP. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import OpenAI from 'openai';
import { createParser } from 'eventsource-parser';
import { afterAll, beforeAll } from 'vitest';
import type { TurnEvent } from '../../domain/event.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import { startFakeProvider } from './fake-provider.js';
import type { FakeProvider } from './fake-provider.js';
import { copyEmptyDatabase } from './pglite-template.js';
import { startProductProcess } from './product-process.js';
import type { ReadyProduct } from './product-process.js';
import { remoteConverter } from './remote-codec.js';

export const TEST_KEY = 'ts_key_of_the_tests_0000000000000000000000';

export interface StartedProduct {
  readonly provider: FakeProvider;
  readonly process: ReadyProduct;
  readonly apiUrl: string;
  readonly openai: OpenAI;
  /** Kills it as a crash does: nothing is drained. */
  crash(): Promise<void>;
  readonly dataDir: string;
  /** Starts it again on the same data folder, or on another; the old handle is dead. */
  startAgain(folder?: string): Promise<StartedProduct>;
  call(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly json: unknown }>;
  response(id: string): Promise<ResponseResource>;
  /** The Temporal server beside it, as an operator reaches it. */
  temporal(): Promise<Client>;
  /** Reads a stream until its end, or until `stop` says so. */
  stream(path: string, options?: StreamOptions): Promise<readonly TurnEvent[]>;
}

export interface StreamOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called with each event; true leaves the stream. */
  readonly stop?: (event: TurnEvent) => boolean;
}

type OnEnd = (cleanUp: () => Promise<void>) => void;

export interface StartedProductOptions {
  /** More YAML for turnstone.config.yaml. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Lines under `providers:` in place of the one fake provider. */
  readonly providers?: (provider: FakeProvider) => string;
}

const aProvider = (provider: FakeProvider): string =>
  `  - name: fake
    base_url: ${provider.baseUrl}
    api_key: secret-of-the-provider
    models:
      - name: model
        prices: { input_per_million_micros: 1000000, output_per_million_micros: 2000000 }`;

/** One product for all tests of a file, because a start takes seconds. Call it where `beforeAll` may stand. */
export function sharedProduct(options: StartedProductOptions = {}): () => StartedProduct {
  const cleanUps: (() => Promise<void>)[] = [];
  let shared: StartedProduct | null = null;
  beforeAll(async () => {
    shared = await begin(options, (cleanUp) => cleanUps.push(cleanUp));
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });
  return () => {
    if (shared === null) throw new Error('the shared product has not started');
    return shared;
  };
}

async function begin(options: StartedProductOptions, onEnd: OnEnd): Promise<StartedProduct> {
  const provider = await startFakeProvider();
  onEnd(() => provider.close());
  const folder = mkdtempSync(join(tmpdir(), 'turnstone-test-'));
  onEnd(async () => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'turnstone.config.yaml');
  const providers = (options.providers ?? aProvider)(provider);
  writeFileSync(config, `providers:\n${providers}\n${options.config ?? ''}\n`);
  const env = { TURNSTONE_CONFIG: config, TURNSTONE_ADMIN_KEY: TEST_KEY, ...options.env };
  const dataDir = join(folder, 'data');
  // A first start that makes its database is the subject of start.test.ts; here it would cost each scenario five seconds.
  await copyEmptyDatabase(join(dataDir, 'database'));
  return attach(provider, dataDir, env, onEnd);
}

async function attach(
  provider: FakeProvider,
  dataDir: string,
  env: Record<string, string>,
  onEnd: OnEnd,
): Promise<StartedProduct> {
  const running = await startProductProcess(dataDir, { env, onEnd });
  const { apiUrl } = running;
  let crashed = false;
  onEnd(() => (crashed ? Promise.resolve() : expectRunning(running)));
  const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' };
  const started: StartedProduct = {
    provider,
    process: running,
    apiUrl,
    openai: new OpenAI({ apiKey: TEST_KEY, baseURL: `${apiUrl}/v1`, maxRetries: 0, timeout: 60_000 }),
    async crash() {
      // Only the product: its Temporal server outlives it, as after a real crash.
      crashed = true;
      running.kill('SIGKILL');
      await running.ended;
    },
    dataDir,
    startAgain: (folder = dataDir) => attach(provider, folder, env, onEnd),
    async call(method, path, body) {
      const response = await fetch(`${apiUrl}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(60_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, json: text === '' ? null : (JSON.parse(text) as unknown) };
    },
    async response(id) {
      return (await started.call('GET', `/v1/responses/${id}`)).json as ResponseResource;
    },
    async temporal() {
      const { port } = JSON.parse(readFileSync(join(dataDir, 'temporal.json'), 'utf8')) as { port: number };
      const connection = await Connection.connect({ address: `127.0.0.1:${port}` });
      onEnd(() => connection.close());
      return new Client({ connection, dataConverter: remoteConverter(apiUrl, TEST_KEY) });
    },
    stream: (path, streamOptions = {}) => readStream(`${apiUrl}${path}`, headers, streamOptions),
  };
  return started;
}

/** A product that died by itself is a failure of its own, and says more than the calls that could not reach it. */
async function expectRunning(running: ReadyProduct): Promise<void> {
  const how = await Promise.race([running.ended, Promise.resolve(null)]);
  if (how !== null) throw new Error(`the product ended by itself (${how}):\n${running.log().slice(-4_000)}`);
}

async function readStream(url: string, headers: Record<string, string>, options: StreamOptions): Promise<TurnEvent[]> {
  const leave = new AbortController();
  const response = await fetch(url, {
    method: options.body === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...options.headers },
    signal: AbortSignal.any([leave.signal, AbortSignal.timeout(90_000)]),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  if (response.status !== 200 || response.body === null)
    throw new Error(`${response.status}: ${await response.text()}`);
  const events: TurnEvent[] = [];
  const reading = { left: false };
  const parser = createParser({
    onEvent: ({ data }) => {
      if (reading.left) return;
      const event = JSON.parse(data) as TurnEvent;
      events.push(event);
      reading.left = options.stop?.(event) ?? false;
    },
  });
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body) {
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
      if (reading.left) leave.abort();
    }
  } catch (error) {
    // Leaving, and a server that was killed, both end the body early: the events until then are what counts.
    if (!reading.left && !(error instanceof TypeError)) throw error;
  }
  return events;
}

/** The text of the deltas, after resets: what a client shows. */
export function shownText(events: readonly TurnEvent[]): string {
  let text = '';
  for (const event of events) {
    if (event.type === 'turnstone:step.reset' || event.type === 'turnstone:snapshot') text = '';
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  return text;
}

export function answerOf(response: ResponseResource): string {
  const texts = response.output.flatMap((item) =>
    item.type === 'message' ? item.content.map((part) => ('text' in part ? part.text : '')) : [],
  );
  return texts.join('');
}
