/**
 * `npm run bench -- turn`: a turn as a client sees it, beside two floors measured in the same run: a bare Temporal workflow
 * with one activity that does nothing, on the same server, and the same provider call made directly. Ratios and processor
 * time say more than milliseconds, which belong to the machine.
 */
import { startBenchProduct, startProvider } from '../support/bench-product.js';
import type { BenchProduct } from '../support/bench-product.js';
import { atLeast, atMost, fact, show } from '../support/report.js';
import type { BenchReport, BenchRow } from '../support/report.js';
import type { Summary } from '../support/statistics.js';
import { startBareWorker } from './bare-worker.js';
import type { BareWorker } from './bare-worker.js';
import { measureHistory } from './measure-history.js';
import type { HistorySizes } from './measure-history.js';
import { measureLatency } from './measure-latency.js';
import type { Latency } from './measure-latency.js';
import { CALLERS, measureBareLoad, measureLoad } from './measure-load.js';
import type { BareLoad, Load } from './measure-load.js';

export interface TurnBench {
  readonly product: BenchProduct;
  readonly providerUrl: string;
  readonly bareWorker: BareWorker;
  readonly keys: readonly string[];
}

const PLAIN_TURNS = 1000;
const TOOL_TURNS = 500;
/** What the rate is measured on is warm by then: code is compiled, plans are made. */
const WARM_UP_TURNS = 200;

export async function benchTurn(): Promise<BenchReport> {
  const provider = await startProvider();
  const product = await startBenchProduct(provider.url);
  const bareWorker = await startBareWorker(product.temporalAddress);
  try {
    const bench: TurnBench = { product, providerUrl: provider.url, bareWorker, keys: await product.makeKeys(CALLERS) };
    const history = await measureHistory(bench);
    const latency = await measureLatency(bench);
    const bare = await measureBareLoad(bench);
    await measureLoad(bench, 'hello', WARM_UP_TURNS);
    const plain = await measureLoad(bench, 'hello', PLAIN_TURNS);
    const tools = await measureLoad(bench, 'two tools', TOOL_TURNS);
    return toReport(latency, { bare, plain, tools }, history);
  } finally {
    await bareWorker.stop();
    await product.stop();
    await provider.stop();
  }
}

interface Loads {
  readonly bare: BareLoad;
  readonly plain: Load;
  readonly tools: Load;
}

function toReport(latency: Latency, loads: Loads, history: HistorySizes): BenchReport {
  const cpu = ({ productCpu, temporalCpuMs }: Load): number => productCpu.total + temporalCpuMs;
  return {
    rows: [
      ...latencyRows(latency),
      fact(`bare workflows a second, ${CALLERS} callers`, show(loads.bare.perSecond), 'floor'),
      fact('processor time of a bare workflow, its worker and Temporal', `${show(loads.bare.cpuMs)} ms`, 'floor'),
      atLeast(`plain turns a second, ${CALLERS} callers`, loads.plain.perSecond, 80, ''),
      ...loadFacts('plain', loads.plain),
      atMost('processor time of a plain turn, product and Temporal', cpu(loads.plain), 20, 'ms'),
      atLeast(`turns with two tools a second, ${CALLERS} callers`, loads.tools.perSecond, 40, ''),
      ...loadFacts('with two tools', loads.tools),
      fact('processor time of a turn with two tools', `${show(cpu(loads.tools))} ms`),
      atMost('history of a plain turn', history.plainBytes, 6144, 'bytes'),
      atMost('history per further step', history.perStepBytes, 4096, 'bytes'),
    ],
    series: { ...latency, ...flatLoad('plain', loads.plain), ...flatLoad('tools', loads.tools), ...history },
  };
}

function latencyRows(latency: Latency): readonly BenchRow[] {
  const ms = ({ p50, p95 }: Summary): string => `${show(p50)} ms, p95 ${show(p95)} ms`;
  return [
    fact('bare workflow, p50', ms(latency.bare), 'floor'),
    fact('direct provider call, first token p50', ms(latency.direct), 'floor'),
    fact('direct provider call, whole p50', ms(latency.directTotal), 'floor'),
    atMost('first token later than the direct call, p50', latency.firstToken.p50 - latency.direct.p50, 6, 'ms'),
    atMost('plain streamed turn, p50', latency.plain.p50, 12, 'ms'),
    fact('  until accepted', ms(latency.accepted), 'parse, authenticate, commit'),
    fact('  until the first token', ms(latency.acceptedToFirstToken), 'context, provider, event log'),
    fact('  until the answer is out', ms(latency.firstTokenToAnswer), 'provider'),
    fact('  until the end', ms(latency.answerToEnd), 'commit'),
    atMost('turn with two parallel tool calls, p50', latency.tools.p50, 45, 'ms'),
  ];
}

function loadFacts(what: string, { latency, catchUpMs, productCpu, temporalCpuMs }: Load): readonly BenchRow[] {
  const parts = [
    `Temporal ${show(temporalCpuMs)}`,
    `main thread ${show(productCpu.main)}`,
    `Temporal's core ${show(productCpu.core)}`,
    `other threads ${show(productCpu.other)}`,
  ];
  return [
    fact(`  ${what}: latency at that load`, `p50 ${show(latency.p50)} ms, p95 ${show(latency.p95)} ms`),
    fact(`  ${what}: until the last workflow is closed`, `${show(catchUpMs)} ms`, 'after the last answer'),
    fact(`  ${what}: processor time`, parts.join(', '), 'ms per turn'),
  ];
}

function flatLoad(name: string, load: Load): Record<string, Summary | number | Readonly<Record<string, number>>> {
  const { perSecond, latency, catchUpMs, productCpu, temporalCpuMs } = load;
  return {
    [`${name}PerSecond`]: perSecond,
    [`${name}LoadLatency`]: latency,
    [`${name}CatchUpMs`]: catchUpMs,
    [`${name}ProductCpuMs`]: { ...productCpu },
    [`${name}TemporalCpuMs`]: temporalCpuMs,
  };
}
