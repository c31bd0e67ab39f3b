/** `npm run bench -- stop`: from the request to stop a turn until its provider's socket is closed, while other turns run. */
import { startBenchProduct, startProvider } from './support/bench-product.js';
import type { BenchProvider } from './support/bench-product.js';
import { openTurn } from './support/open-turn.js';
import { atMost, fact, show } from './support/report.js';
import type { BenchReport } from './support/report.js';
import { summarise } from './support/statistics.js';

const ROUNDS = 16;
const AT_ONCE = 5;
/** Of the dripping answer: half of the turns are stopped before their workflow has begun, half after it. */
const EARLY_EVENTS = 10;
const LATE_EVENTS = 130;

interface Stopped {
  readonly closedMs: number;
  readonly answeredMs: number;
}

export async function benchStop(): Promise<BenchReport> {
  const provider = await startProvider();
  const product = await startBenchProduct(provider.url);
  try {
    const keys = await product.makeKeys(AT_ONCE);
    const stopped: Stopped[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const atEvents = round % 2 === 0 ? EARLY_EVENTS : LATE_EVENTS;
      const stops = keys.map((key, index) =>
        stopOne(product.apiUrl, key, provider, atEvents, `mark-${round}-${index}-`),
      );
      stopped.push(...(await Promise.all(stops)));
    }
    const closed = summarise(stopped.map((one) => one.closedMs));
    const answered = summarise(stopped.map((one) => one.answeredMs));
    return {
      rows: [
        atMost('stop until the socket of the provider is closed, p95', closed.p95, 1000, 'ms'),
        fact('  p50, max', `${show(closed.p50)} ms, ${show(closed.max)} ms`),
        fact('stop until its answer, p50, p95', `${show(answered.p50)} ms, ${show(answered.p95)} ms`),
      ],
      series: { closed, answered },
    };
  } finally {
    await product.stop();
    await provider.stop();
  }
}

async function stopOne(
  apiUrl: string,
  key: string,
  provider: BenchProvider,
  atEvents: number,
  mark: string,
): Promise<Stopped> {
  const turn = await openTurn(apiUrl, key, { input: `drip ${mark}` });
  await turn.events(atEvents);
  const askedMs = Date.now();
  const response = await fetch(`${apiUrl}/v1/responses/${turn.id}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
  });
  const { status } = (await response.json()) as { readonly status?: string };
  const answeredMs = Date.now() - askedMs;
  if (status !== 'cancelled') throw new Error(`a stopped turn ended as ${String(status)}`);
  return { closedMs: (await provider.closedAtMs(mark)) - askedMs, answeredMs };
}
