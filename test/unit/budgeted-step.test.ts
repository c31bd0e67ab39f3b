/** Proves what a budget does to a model step: reserved before each call, cut to what is left, ended when nothing is. */
import { describe, expect, it } from 'vitest';
import type { ActivityDeps } from '../../activities/activity-deps.js';
import { runModelStep } from '../../activities/model-step.js';
import { affordableOutput, estimateCall } from '../../domain/call-estimate.js';
import type { BudgetSetting } from '../../domain/ports/budget-store.js';
import type { LanguageModel, ModelChunk, ModelRequest } from '../../domain/ports/model.js';
import type { CallModelResult } from '../../domain/turn-contract.js';
import type { TurnSettings } from '../../domain/turn.js';
import { anAcceptedTurn, answerChunks, benchScope } from '../support/activity-bench.js';
import type { ActivityBench } from '../support/activity-bench.js';

/** A micro per token. */
const PRICES = {
  inputPerMillionMicros: 1_000_000,
  cachedInputPerMillionMicros: 1_000_000,
  outputPerMillionMicros: 1_000_000,
};
const used = (inputTokens: number, outputTokens: number): ModelChunk => ({
  type: 'usage',
  usage: { inputTokens, cachedTokens: 0, outputTokens, reasoningTokens: 0, estimated: false },
});
const failing = { code: 'model.overloaded' } as const;

interface Bench extends ActivityBench {
  readonly requests: readonly { readonly model: string; readonly request: ModelRequest }[];
  /** What was held while each call ran. */
  readonly heldDuring: readonly number[];
  run(): Promise<CallModelResult>;
  status(): Promise<{ readonly usedMicros: number; readonly heldMicros: number }>;
}

type Answer = readonly ModelChunk[] | typeof failing;

async function aBench(
  budget: Partial<BudgetSetting>,
  models: Record<string, { readonly answer: Answer; readonly priced?: boolean }>,
  settings: Partial<TurnSettings> = {},
): Promise<Bench> {
  const names = Object.keys(models);
  const bench = await anAcceptedTurn([], [], { modelChain: names, ...settings });
  const { budgets } = bench.deps;
  await budgets.set(benchScope, {
    id: 'bud_1',
    principalId: null,
    period: 'total',
    limitMicros: 100_000,
    allowUnpriced: false,
    ...budget,
  });
  const requests: { model: string; request: ModelRequest }[] = [];
  const heldDuring: number[] = [];
  const get = (name: string): LanguageModel => ({
    name,
    provider: 'fake',
    contextWindow: 100_000,
    prices: models[name]?.priced === false ? null : PRICES,
    demo: false,
    async *stream(request) {
      requests.push({ model: name, request });
      heldDuring.push((await budgets.list(benchScope))[0]?.heldMicros ?? 0);
      const answer = models[name]?.answer ?? failing;
      if (!('code' in answer)) yield* answer;
      else throw Object.assign(new Error('busy'), { name: 'Failure', code: answer.code });
    },
  });
  const deps: ActivityDeps = { ...bench.deps, models: { ...bench.deps.models, get } };
  const { id: turnId, conversationId, requestId } = bench.turn;
  const input = { tenantId: benchScope.tenantId, turnId, conversationId, requestId, step: 1, remainingMs: 60_000 };
  const run = { signal: new AbortController().signal, log: deps.logger, engineAttempt: 1 };
  return {
    ...bench,
    deps,
    requests,
    heldDuring,
    run: () => runModelStep(deps, benchScope, input, run, { attempt: 1, firstSequence: 0, committed: null }),
    status: async () => (await budgets.list(benchScope))[0]!,
  };
}

describe('a step under a budget', () => {
  it('enough: the longest answer is held while the call runs, what it cost is used afterwards', async () => {
    const bench = await aBench({}, { 'fake/one': { answer: [...answerChunks('hi'), used(20, 7)] } });
    expect(await bench.run()).toMatchObject({ status: 'completed', costMicros: 27 });
    expect(bench.requests[0]?.request.maxOutputTokens).toBeNull();
    expect(bench.heldDuring[0]).toBeGreaterThan(32_768);
    expect(await bench.status()).toMatchObject({ usedMicros: 27, heldMicros: 0 });
  });

  it('little left: the call is asked for no more than that, and an answer cut there says why', async () => {
    const cut: ModelChunk[] = [
      { type: 'text-delta', text: 'as far as' },
      { type: 'finish', reason: 'length' },
    ];
    const bench = await aBench({ limitMicros: 1_000 }, { 'fake/one': { answer: cut } });
    expect(await bench.run()).toMatchObject({ status: 'incomplete' });
    const asked = bench.requests[0]?.request.maxOutputTokens ?? 0;
    expect(asked).toBeGreaterThan(256);
    expect(asked).toBeLessThan(1_000);
    expect(bench.heldDuring).toEqual([1_000]);
    expect((await bench.deps.turns.get(benchScope, bench.turn.id))?.incompleteReason).toBe('budget_exhausted');
  });

  it('nothing left: no provider is called, the turn ends incomplete and says so', async () => {
    const bench = await aBench({ limitMicros: 100 }, { 'fake/one': { answer: answerChunks('hi') } });
    expect(await bench.run()).toMatchObject({ outcome: 'closed', status: 'incomplete', costMicros: 0 });
    expect(bench.requests).toEqual([]);
    expect(await bench.deps.turns.get(benchScope, bench.turn.id)).toMatchObject({
      status: 'incomplete',
      incompleteReason: 'budget_exhausted',
      answeredBy: null,
    });
    expect(await bench.status()).toMatchObject({ usedMicros: 0, heldMicros: 0 });
  });

  it('a fallback: reserved like the first; only what was used is charged', async () => {
    const bench = await aBench({}, {
      'fake/one': { answer: failing },
      'fake/two': { answer: [...answerChunks('hi'), used(20, 7)] },
    }); // prettier-ignore
    expect(await bench.run()).toMatchObject({ status: 'completed', model: 'fake/two' });
    expect(bench.requests.map(({ model }) => model)).toEqual(['fake/one', 'fake/two']);
    expect(bench.heldDuring.every((held) => held > 32_768)).toBe(true);
    expect(await bench.status()).toMatchObject({ usedMicros: 27, heldMicros: 0 });
  });

  it('a model without a price: passed over for the next; alone, the turn fails and says what to do', async () => {
    const chain = await aBench({}, {
      'fake/free': { answer: answerChunks('never'), priced: false },
      'fake/two': { answer: answerChunks('hi') },
    }); // prettier-ignore
    expect(await chain.run()).toMatchObject({ model: 'fake/two' });
    const alone = await aBench({}, { 'fake/free': { answer: answerChunks('never'), priced: false } });
    await expect(alone.run()).rejects.toMatchObject({ code: 'budget.unpriced-model' });
    const allowed = await aBench(
      { allowUnpriced: true },
      { 'fake/free': { answer: answerChunks('hi'), priced: false } },
    );
    expect(await allowed.run()).toMatchObject({ status: 'completed' });
  });

  it('a budget of somebody else: nothing is asked and nothing is cut', async () => {
    const bench = await aBench({ principalId: 'somebody-else', limitMicros: 0 }, {
      'fake/one': { answer: answerChunks('hi') },
    }); // prettier-ignore
    expect(await bench.run()).toMatchObject({ status: 'completed' });
    expect(bench.heldDuring).toEqual([0]);
  });
});

describe('the estimate of a call', () => {
  const planned = { prices: PRICES, contextWindow: 100_000, inputTokens: 1_000, maxOutputTokens: null };

  it('bounds: from a short answer to the longest the request or the window allows', () => {
    expect(estimateCall(planned)).toEqual({
      priced: true,
      minMicros: 1_256,
      reducedMicros: 5_096,
      maxMicros: 1_000 + 32_768,
    });
    expect(estimateCall({ ...planned, maxOutputTokens: 100 })).toMatchObject({ minMicros: 1_100, maxMicros: 1_100 });
    expect(estimateCall({ ...planned, contextWindow: 8_000 })).toMatchObject({ maxMicros: 8_000 });
    expect(estimateCall({ ...planned, prices: null })).toMatchObject({ priced: false, maxMicros: 0 });
  });

  it('affordable: what a grant pays for never costs more than the grant', () => {
    expect(affordableOutput(planned, 1_300)).toBe(300);
    expect(affordableOutput({ ...planned, prices: { ...PRICES, outputPerMillionMicros: 0 } }, 1_300)).toBeNull();
  });
});
