/** `npm run bench -- reconnect`: a reader loses its connection in the middle of an answer and comes back after its last event. */
import { startBenchProduct, startProvider } from './support/bench-product.js';
import { openTurn, reopenTurn } from './support/open-turn.js';
import { atMost, fact, show } from './support/report.js';
import type { BenchReport } from './support/report.js';
import { summarise } from './support/statistics.js';

const TURNS = 8;
const RECONNECTS = 12;
const EVENTS_BETWEEN = 5;

export async function benchReconnect(): Promise<BenchReport> {
  const provider = await startProvider();
  const product = await startBenchProduct(provider.url);
  try {
    const keys = await product.makeKeys(TURNS);
    const series = await Promise.all(keys.map((key) => reconnects(product.apiUrl, key)));
    const gaps = summarise(series.flatMap(({ gapsMs }) => gapsMs));
    const lost = series.reduce((sum, one) => sum + one.outOfOrder, 0);
    return {
      rows: [
        atMost('from the loss of a connection to the next event, p95', gaps.p95, 200, 'ms'),
        fact('  p50, max', `${show(gaps.p50)} ms, ${show(gaps.max)} ms`, 'the provider sends each 20 ms'),
        atMost('events missing or twice', lost, 0, ''),
      ],
      series: { gaps, lost },
    };
  } finally {
    await product.stop();
    await provider.stop();
  }
}

async function reconnects(
  apiUrl: string,
  key: string,
): Promise<{ readonly gapsMs: readonly number[]; readonly outOfOrder: number }> {
  const gapsMs: number[] = [];
  const sequences: number[] = [];
  let turn = await openTurn(apiUrl, key, { input: 'drip' });
  const { id } = turn;
  for (let count = 0; count <= RECONNECTS; count += 1) {
    await turn.events(EVENTS_BETWEEN);
    const leftMs = Date.now();
    turn.leave();
    await turn.ended;
    sequences.push(...turn.seen.map((event) => event.sequence));
    if (count === RECONNECTS) break;
    turn = await reopenTurn(apiUrl, key, id, sequences.at(-1) ?? -1);
    gapsMs.push((turn.seen[0]?.atMs ?? Number.NaN) - leftMs);
  }
  return { gapsMs, outOfOrder: sequences.filter((sequence, index) => sequence !== index).length };
}
