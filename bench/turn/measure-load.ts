/** Turns a second and processor time per turn with many callers. Processor time counts until the last workflow is closed. */
import { cpuBetween, cpuTime } from '../support/process-figures.js';
import type { CpuTime } from '../support/process-figures.js';
import { ratePerSecond, summarise } from '../support/statistics.js';
import type { Summary } from '../support/statistics.js';
import { createTurnClient } from '../support/turn-client.js';
import type { TurnBench } from './turn-bench.js';

export const CALLERS = 50;
const BARE_RUNS = 300;

export interface Load {
  readonly perSecond: number;
  readonly latency: Summary;
  /** From the last answer until the engine has closed everything. */
  readonly catchUpMs: number;
  readonly productCpu: CpuTime;
  readonly temporalCpuMs: number;
}

/** @returns figures per turn. */
export async function measureLoad(bench: TurnBench, input: string, turns: number): Promise<Load> {
  const { product, bareWorker, keys } = bench;
  const client = createTurnClient(product.apiUrl, keys);
  const temporalPid = await product.temporalPid();
  const latencies: number[] = [];
  await bareWorker.quiet();
  const before = { product: cpuTime(product.pid()), temporal: cpuTime(temporalPid).total };
  const perSecond = await ratePerSecond(turns, CALLERS, async (caller) =>
    latencies.push((await client.turn(input, caller)).totalMs),
  );
  const answeredMs = performance.now();
  await bareWorker.quiet();
  const catchUpMs = performance.now() - answeredMs;
  const spent = cpuBetween(before.product, cpuTime(product.pid()));
  await client.close();
  return {
    perSecond,
    latency: summarise(latencies),
    catchUpMs,
    productCpu: {
      total: spent.total / turns,
      main: spent.main / turns,
      core: spent.core / turns,
      other: spent.other / turns,
    },
    temporalCpuMs: (cpuTime(temporalPid).total - before.temporal) / turns,
  };
}

export interface BareLoad {
  readonly perSecond: number;
  /** Of this process, which is the worker and the client, and of Temporal, per workflow. */
  readonly cpuMs: number;
}

/** The same callers on bare workflows: the floor of rate and processor time on this machine at this hour. */
export async function measureBareLoad({ product, bareWorker }: TurnBench): Promise<BareLoad> {
  const pids = [process.pid, await product.temporalPid()];
  const spent = (): number => pids.reduce((sum, pid) => sum + cpuTime(pid).total, 0);
  const before = spent();
  const perSecond = await ratePerSecond(BARE_RUNS, CALLERS, () => bareWorker.run());
  await bareWorker.quiet();
  return { perSecond, cpuMs: (spent() - before) / BARE_RUNS };
}
