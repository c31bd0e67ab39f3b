/**
 * `npm run bench -- restart`: the product is killed with `kill -9` while turns run, and started again at once. Measured is
 * the time from the kill until each turn moves again: until the provider is asked anew, or the turn has ended.
 */
import { startBenchProduct, startProvider } from './support/bench-product.js';
import type { BenchProduct } from './support/bench-product.js';
import { openTurn } from './support/open-turn.js';
import { atMost, fact, show } from './support/report.js';
import type { BenchReport } from './support/report.js';
import { summarise, until } from './support/statistics.js';

const KILLS = 6;
const TURNS = 10;
const TIMEOUT_MS = 60_000;
/** The provider takes this long: the kill comes in between. */
const MODEL_MS = 4_000;

interface FakeRequestSeen {
  readonly atMs: number;
  readonly body: unknown;
}

export async function benchRestart(): Promise<BenchReport> {
  const provider = await startProvider();
  const product = await startBenchProduct(provider.url);
  try {
    const keys = await product.makeKeys(TURNS);
    const movedMs: number[] = [];
    const readyMs: number[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      // Half of the kills before the turns' workflows have begun, half after it.
      const one = await killOnce(product, provider.url, keys, kill, kill % 2 === 0 ? 300 : 3_000);
      movedMs.push(...one.movedMs);
      readyMs.push(one.readyMs);
    }
    const [moved, ready] = [summarise(movedMs), summarise(readyMs)];
    return {
      rows: [
        atMost('from kill -9 until the turn moves again, p95', moved.p95 / 1000, 15, 's'),
        fact('  p50, max', `${show(moved.p50 / 1000)} s, ${show(moved.max / 1000)} s`),
        fact(
          'from kill -9 until the product answers again, p50, max',
          `${show(ready.p50 / 1000)} s, ${show(ready.max / 1000)} s`,
        ),
        atMost('turns that did not end as completed', KILLS * TURNS - movedMs.length, 0, ''),
      ],
      series: { moved, ready },
    };
  } finally {
    await product.stop();
    await provider.stop();
  }
}

async function killOnce(
  product: BenchProduct,
  providerUrl: string,
  keys: readonly string[],
  kill: number,
  runForMs: number,
): Promise<{ readonly movedMs: readonly number[]; readonly readyMs: number }> {
  const turns = await Promise.all(
    keys.map((key, index) => openTurn(product.apiUrl, key, { input: `after ${MODEL_MS} ms ${markOf(kill, index)}` })),
  );
  await new Promise((resolve) => setTimeout(resolve, runForMs));
  const killedMs = Date.now();
  await product.kill();
  await product.startAgain();
  const readyMs = Date.now() - killedMs;
  const movedMs = await Promise.all(
    turns.map(async ({ id }, index) => {
      await untilCompleted(product.apiUrl, keys[index] ?? '', id);
      return (await askedAgainMs(providerUrl, markOf(kill, index), killedMs)) - killedMs;
    }),
  );
  return { movedMs, readyMs };
}

const markOf = (kill: number, turn: number): string => `mark-${kill}-${turn}-`;

async function untilCompleted(apiUrl: string, key: string, id: string): Promise<void> {
  const status = await until(
    `the turn ${id} to end`,
    async () => {
      const response = await fetch(`${apiUrl}/v1/responses/${id}`, { headers: { authorization: `Bearer ${key}` } });
      const found = ((await response.json()) as { readonly status?: string }).status ?? `HTTP ${response.status}`;
      return found === 'in_progress' || found === 'queued' ? null : found;
    },
    TIMEOUT_MS,
    100,
  );
  if (status !== 'completed') throw new Error(`the turn ${id} ended as ${status} after the restart`);
}

async function askedAgainMs(providerUrl: string, mark: string, afterMs: number): Promise<number> {
  const seen = (await (await fetch(`${providerUrl}/_requests`)).json()) as readonly FakeRequestSeen[];
  const again = seen.find((request) => request.atMs > afterMs && JSON.stringify(request.body).includes(mark));
  if (again === undefined) throw new Error(`the provider was not asked again for ${mark}`);
  return again.atMs;
}
