/** What one turn takes while nothing else runs, beside two floors measured in alternation with it. */
import { Agent } from 'undici';
import { summarise } from '../support/statistics.js';
import type { Summary } from '../support/statistics.js';
import { createTurnClient, directCall } from '../support/turn-client.js';
import type { TimedTurn } from '../support/turn-client.js';
import type { TurnBench } from './turn-bench.js';

const WARM_UP = 50;
const ROUNDS = 150;

export interface Latency {
  readonly bare: Summary;
  readonly direct: Summary;
  readonly directTotal: Summary;
  readonly plain: Summary;
  readonly firstToken: Summary;
  readonly tools: Summary;
  /** Where a plain turn's time goes, as its client sees it. */
  readonly accepted: Summary;
  readonly acceptedToFirstToken: Summary;
  readonly firstTokenToAnswer: Summary;
  readonly answerToEnd: Summary;
}

/**
 * In each round all take turns, so that a slow moment of the machine hits all of them; each waits until the engine has
 * closed what the one before left, because a client of an idle server is what is asked about.
 */
export async function measureLatency({ product, providerUrl, bareWorker, keys }: TurnBench): Promise<Latency> {
  const dispatcher = new Agent({ connections: 4 });
  const client = createTurnClient(product.apiUrl, keys);
  const bare: number[] = [];
  const direct: { readonly firstTokenMs: number; readonly totalMs: number }[] = [];
  const plain: TimedTurn[] = [];
  const tools: TimedTurn[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    if (round === WARM_UP) for (const series of [bare, direct, plain, tools]) series.length = 0;
    const startedMs = performance.now();
    await bareWorker.run();
    bare.push(performance.now() - startedMs);
    await bareWorker.quiet();
    direct.push(await directCall(providerUrl, dispatcher));
    plain.push(await client.turn('hello', round));
    await bareWorker.quiet();
    tools.push(await client.turn('two tools', round));
    await bareWorker.quiet();
  }
  await Promise.all([dispatcher.close(), client.close()]);
  return toLatency(bare, direct, plain, tools);
}

function toLatency(
  bare: readonly number[],
  direct: readonly { readonly firstTokenMs: number; readonly totalMs: number }[],
  plain: readonly TimedTurn[],
  tools: readonly TimedTurn[],
): Latency {
  return {
    bare: summarise(bare),
    direct: summarise(direct.map((call) => call.firstTokenMs)),
    directTotal: summarise(direct.map((call) => call.totalMs)),
    plain: summarise(plain.map((turn) => turn.totalMs)),
    firstToken: summarise(plain.map((turn) => turn.firstTokenMs)),
    tools: summarise(tools.map((turn) => turn.totalMs)),
    accepted: summarise(plain.map((turn) => turn.acceptedMs)),
    acceptedToFirstToken: summarise(plain.map((turn) => turn.firstTokenMs - turn.acceptedMs)),
    firstTokenToAnswer: summarise(plain.map((turn) => turn.answeredMs - turn.firstTokenMs)),
    answerToEnd: summarise(plain.map((turn) => turn.totalMs - turn.answeredMs)),
  };
}
