/** `npm run bench -- in-flight`: a thousand turns at once on two seconds of model time each, in one process. */
import { startBenchProduct, startProvider } from './support/bench-product.js';
import { cpuBetween, cpuTime, residentBytes } from './support/process-figures.js';
import { atMost, fact, show } from './support/report.js';
import type { BenchReport } from './support/report.js';
import { summarise } from './support/statistics.js';
import { createTurnClient } from './support/turn-client.js';
import { startBareWorker } from './turn/bare-worker.js';

const TURNS = 1000;
const MODEL_MS = 2_000;
/** A key may hold 200 streams. */
const KEYS = 50;
const PROBE_EVERY_MS = 50;
const WARM_UP = 100;

export async function benchInFlight(): Promise<BenchReport> {
  const provider = await startProvider();
  const product = await startBenchProduct(provider.url);
  const bare = await startBareWorker(product.temporalAddress);
  try {
    const keys = await product.makeKeys(KEYS);
    const client = createTurnClient(product.apiUrl, keys, TURNS);
    const wave = (count: number): Promise<PromiseSettledResult<unknown>[]> =>
      Promise.allSettled(Array.from({ length: count }, (_none, index) => client.turn(`after ${MODEL_MS} ms`, index)));
    await wave(WARM_UP);
    await bare.quiet();
    const temporalPid = await product.temporalPid();
    const before = { product: cpuTime(product.pid()), temporal: cpuTime(temporalPid).total };
    const probe = startProbe(product.apiUrl, keys[0] ?? '', product.pid());
    const startedMs = performance.now();
    const outcomes = await wave(TURNS);
    const totalMs = performance.now() - startedMs;
    const { latencies, peakBytes } = await probe.stop();
    await bare.quiet();
    const productMs = cpuBetween(before.product, cpuTime(product.pid())).total / TURNS;
    const temporalMs = (cpuTime(temporalPid).total - before.temporal) / TURNS;
    await client.close();
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    const others = summarise(latencies);
    return {
      rows: [
        atMost(`of ${TURNS} turns in flight, failed`, failed.length, 0, reasonOf(failed)),
        atMost('other requests meanwhile, p95', others.p95, 250, 'ms'),
        fact('  p50, max', `${show(others.p50)} ms, ${show(others.max)} ms`),
        atMost('memory of the product at its highest', peakBytes / 1_000_000, 1500, 'MB'),
        fact('all answered after', `${show(totalMs / 1000)} s`, `${MODEL_MS / 1000} s of model time`),
        fact(
          'processor time per turn',
          `product ${show(productMs)} ms, Temporal ${show(temporalMs)} ms`,
          'turns that outlive the wait for their workflow',
        ),
      ],
      series: { others, totalMs, peakBytes, productMs, temporalMs, failed: failed.length },
    };
  } finally {
    await bare.stop();
    await product.stop();
    await provider.stop();
  }
}

function reasonOf(failed: readonly PromiseSettledResult<unknown>[]): string {
  const [first] = failed;
  return first?.status === 'rejected' ? `(${String(first.reason).slice(0, 300)})` : '';
}

/** What somebody else feels: a small request at a time, as often as a page asks. */
function startProbe(
  apiUrl: string,
  key: string,
  pid: number,
): { stop(): Promise<{ readonly latencies: readonly number[]; readonly peakBytes: number }> } {
  const latencies: number[] = [];
  let peakBytes = 0;
  let going = true;
  const run = async (): Promise<void> => {
    while (going) {
      const startedMs = performance.now();
      const response = await fetch(`${apiUrl}/v1/conversations?limit=1`, {
        headers: { authorization: `Bearer ${key}` },
      });
      await response.arrayBuffer();
      // Refused requests answer fast, and say nothing about the others.
      if (response.ok) latencies.push(performance.now() - startedMs);
      peakBytes = Math.max(peakBytes, residentBytes(pid));
      await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
    }
  };
  const running = run();
  return {
    async stop() {
      going = false;
      await running;
      return { latencies, peakBytes };
    },
  };
}
