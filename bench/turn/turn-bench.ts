/**
 * `npm run bench -- turn`: a turn as a client sees it, beside two floors measured in the same run: a bare Temporal workflow
 * with one activity that does nothing, on the same server, and the same provider call made directly. Ratios count; absolute
 * figures belong to the machine.
 */
import { WorkflowNotFoundError } from '@temporalio/client';
import { Agent } from 'undici';
import { DEFAULT_TENANT } from '../../domain/scope.js';
import { turnWorkflowId } from '../../domain/turn-contract.js';
import { ratePerSecond, summarise } from '../statistics.js';
import type { Summary } from '../statistics.js';
import { startBenchEnvironment } from './bench-environment.js';
import type { BenchEnvironment } from './bench-environment.js';
import { createTurnClient, directCall } from './turn-client.js';
import type { TimedTurn, TurnClient } from './turn-client.js';

const WARM_UP = 30;
const ROUNDS = 150;
const AT_ONCE = 50;
const LOAD_TURNS = 400;

export interface TurnBenchRow {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  readonly met: boolean;
}

export interface TurnBenchReport {
  readonly rows: readonly TurnBenchRow[];
  readonly series: Readonly<Record<string, Summary | number>>;
}

export async function benchTurn(): Promise<TurnBenchReport> {
  const environment = await startBenchEnvironment();
  const client = createTurnClient(environment.apiUrl, environment.key);
  const dispatcher = new Agent({ connections: 4 });
  try {
    const latency = await measureLatency(environment, client, dispatcher);
    const load = await measureLoad(environment, client);
    const history = await measureHistory(environment, client);
    return toReport(latency, load, history);
  } finally {
    await dispatcher.close();
    await client.close();
    await environment.stop();
  }
}

interface Latency {
  readonly bare: Summary;
  readonly direct: Summary;
  readonly plain: Summary;
  readonly firstToken: Summary;
  readonly tools: Summary;
}

/** All four take turns in each round, so that a slow moment of the machine hits all of them. */
async function measureLatency(environment: BenchEnvironment, client: TurnClient, dispatcher: Agent): Promise<Latency> {
  const bare: number[] = [];
  const direct: number[] = [];
  const plain: TimedTurn[] = [];
  const tools: TimedTurn[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    if (round === WARM_UP) for (const series of [bare, direct, plain, tools]) series.length = 0;
    const startedMs = performance.now();
    await environment.bareWorkflow();
    bare.push(performance.now() - startedMs);
    direct.push((await directCall(environment.providerUrl, dispatcher)).firstTokenMs);
    plain.push(await client.turn('hello'));
    tools.push(await client.turn('two tools'));
  }
  return {
    bare: summarise(bare),
    direct: summarise(direct),
    plain: summarise(plain.map((turn) => turn.totalMs)),
    firstToken: summarise(plain.map((turn) => turn.firstTokenMs)),
    tools: summarise(tools.map((turn) => turn.totalMs)),
  };
}

interface Load {
  readonly barePerSecond: number;
  readonly turnsPerSecond: number;
}

/** In alternating halves, for the same reason. */
async function measureLoad(environment: BenchEnvironment, client: TurnClient): Promise<Load> {
  const rates: { bare: number[]; turns: number[] } = { bare: [], turns: [] };
  for (let half = 0; half < 2; half += 1) {
    rates.bare.push(await ratePerSecond(LOAD_TURNS / 2, AT_ONCE, () => environment.bareWorkflow()));
    rates.turns.push(await ratePerSecond(LOAD_TURNS / 2, AT_ONCE, () => client.turn('hello')));
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { barePerSecond: mean(rates.bare), turnsPerSecond: mean(rates.turns) };
}

interface HistorySizes {
  readonly plainBytes: number;
  readonly perStepBytes: number;
}

const STEPS = 6;

/** With a head start the answer is out before the workflow has closed, perhaps before it has begun. */
async function closed(handle: { result(): Promise<unknown> }): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await handle.result();
      return;
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) || attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function measureHistory(environment: BenchEnvironment, client: TurnClient): Promise<HistorySizes> {
  const size = async (input: string): Promise<number> => {
    const { responseId } = await client.turn(input);
    const handle = environment.temporal.workflow.getHandle(
      turnWorkflowId({ tenantId: DEFAULT_TENANT, turnId: responseId, conversationId: null }),
    );
    await closed(handle);
    return (await handle.describe()).historySize ?? Number.NaN;
  };
  const plainBytes = await size('hello');
  return { plainBytes, perStepBytes: ((await size(`${STEPS} steps`)) - plainBytes) / (STEPS - 1) };
}

function toReport(latency: Latency, load: Load, history: HistorySizes): TurnBenchReport {
  const later = latency.firstToken.p50 - latency.direct.p50;
  const ratio = (value: number, floor: number): number => value / floor;
  const row = (what: string, measured: string, target: string, met: boolean): TurnBenchRow => ({
    what,
    measured,
    target,
    met,
  });
  const plainRatio = ratio(latency.plain.p50, latency.bare.p50);
  const toolsRatio = ratio(latency.tools.p50, latency.plain.p50);
  const rateRatio = ratio(load.turnsPerSecond, load.barePerSecond);
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return {
    rows: [
      row('bare workflow, p50', ms(latency.bare.p50), 'floor', true),
      row('direct provider call, first token p50', ms(latency.direct.p50), 'floor', true),
      row(
        'plain streamed turn, p50',
        `${ms(latency.plain.p50)} = ${plainRatio.toFixed(2)} x bare`,
        '<= 1.5 x bare',
        plainRatio <= 1.5,
      ),
      row(
        'first token, p50',
        `${ms(latency.firstToken.p50)} = ${ms(later)} later than direct`,
        '<= 30 ms later',
        later <= 30,
      ),
      row(
        'turn with two parallel tool calls, p50',
        `${ms(latency.tools.p50)} = ${toolsRatio.toFixed(2)} x plain`,
        '<= 3 x plain',
        toolsRatio <= 3,
      ),
      row(
        `turns a second, ${AT_ONCE} callers`,
        `${load.turnsPerSecond.toFixed(1)} of ${load.barePerSecond.toFixed(1)} bare = ${rateRatio.toFixed(2)} x`,
        '>= 0.7 x bare',
        rateRatio >= 0.7,
      ),
      row('history of a plain turn', `${history.plainBytes} bytes`, '<= 6144', history.plainBytes <= 6144),
      row(
        'history per further step',
        `${Math.round(history.perStepBytes)} bytes`,
        '<= 4096',
        history.perStepBytes <= 4096,
      ),
    ],
    series: { ...latency, ...load, ...history },
  };
}
