/** Proves the turn's story without a server: when the loop goes on, which limit ends it, what is refused. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { LimitReason, TurnLimits } from '../../domain/limits.js';
import type { CallModelResult, PlannedCall, RunToolResult } from '../../domain/turn-contract.js';
import { initialTurnState } from '../../domain/turn-state.js';
import { runTurnLoop } from '../../workflows/turn-loop.js';
import type { TurnLoopPorts, TurnLoopResult } from '../../workflows/turn-loop.js';

const aCall = (callIndex: number, name = 'python'): PlannedCall => ({
  callIndex,
  name,
  taskQueue: 'q',
  timeoutMs: 1000,
  effect: 'read',
  preview: '',
});
const calls = (...planned: PlannedCall[]): CallModelResult => ({
  outcome: 'calls',
  status: null,
  model: 'fake/model',
  calls: planned,
  clientCalls: 0,
  tokens: 10,
  costMicros: 5,
});
const closed = (status: 'completed' | 'incomplete' = 'completed'): CallModelResult => ({
  ...calls(),
  outcome: 'closed',
  status,
});

interface Played {
  readonly result: TurnLoopResult;
  readonly modelCalls: { step: number; wrapUp: LimitReason | null; remainingMs: number }[];
  readonly toolCalls: { step: number; callIndex: number; refused: LimitReason | null }[];
  readonly closed: string[];
}

async function play(options: {
  limits?: Partial<TurnLimits>;
  model: (step: number, wrapUp: LimitReason | null) => CallModelResult;
  tool?: (callIndex: number) => Partial<RunToolResult>;
  msPerModelCall?: number;
  continueAfterStep?: number;
}): Promise<Played> {
  let clock = 0;
  const played: Omit<Played, 'result'> = { modelCalls: [], toolCalls: [], closed: [] };
  const ports: TurnLoopPorts = {
    nowMs: () => clock,
    callModel: async (step, remainingMs, wrapUp) => {
      played.modelCalls.push({ step, wrapUp, remainingMs });
      clock += options.msPerModelCall ?? 1;
      return options.model(step, wrapUp);
    },
    runTool: async (step, call, _remainingMs, { refused }) => {
      played.toolCalls.push({ step, callIndex: call.callIndex, refused });
      const repeatKey = `${step}/${call.callIndex}`;
      return { status: 'completed', repeatKey, preview: '', ...options.tool?.(call.callIndex) };
    },
    openApprovals: async () => [],
    close: async ({ status }) => {
      played.closed.push(status);
    },
    shouldContinueAsNew: () => played.modelCalls.length === options.continueAfterStep,
    changed: () => undefined,
  };
  const rules = { limits: { ...DEFAULT_LIMITS, ...options.limits }, policy: null };
  const result = await runTurnLoop(rules, initialTurnState(0), ports);
  return { ...played, result };
}

describe('turn loop', () => {
  it('plain answer: no calls -> one model call and the end', async () => {
    const { result, modelCalls } = await play({ model: () => closed() });
    expect(result).toMatchObject({ kind: 'ended', status: 'completed', state: { step: 1, toolCalls: 0 } });
    expect(modelCalls).toEqual([{ step: 1, wrapUp: null, remainingMs: DEFAULT_LIMITS.maxWallTimeMs }]);
  });

  it('tool calls: run in the step, then the model is asked again', async () => {
    const { result, toolCalls } = await play({
      model: (step) => (step === 1 ? calls(aCall(0), aCall(1)) : closed()),
    });
    expect(toolCalls).toEqual([
      { step: 1, callIndex: 0, refused: null },
      { step: 1, callIndex: 1, refused: null },
    ]);
    expect(result.state).toMatchObject({ step: 2, toolCalls: 2, tokens: 20, costMicros: 10 });
  });

  it('an answer that a message kept open: no calls to run -> the model is asked again at once', async () => {
    const { result, modelCalls, toolCalls } = await play({ model: (step) => (step === 1 ? calls() : closed()) });
    expect(modelCalls.map(({ step, wrapUp }) => [step, wrapUp])).toEqual([
      [1, null],
      [2, null],
    ]);
    expect(toolCalls).toEqual([]);
    expect(result).toMatchObject({ kind: 'ended', status: 'completed', state: { step: 2, toolCalls: 0, tokens: 20 } });
  });

  it('messages without end: the limit of steps holds -> a last call writes the answer', async () => {
    const { result, modelCalls } = await play({
      limits: { maxSteps: 2 },
      model: (_step, wrapUp) => (wrapUp === null ? calls() : closed('incomplete')),
    });
    expect(modelCalls.map((call) => call.wrapUp)).toEqual([null, null, 'max_steps']);
    expect(result).toMatchObject({ kind: 'ended', status: 'incomplete' });
  });

  it('a failed tool: is a result -> the loop goes on', async () => {
    const { result } = await play({
      model: (step) => (step === 1 ? calls(aCall(0)) : closed()),
      tool: () => ({ status: 'failed' }),
    });
    expect(result).toMatchObject({ kind: 'ended', status: 'completed' });
  });

  it.each<[LimitReason, Partial<TurnLimits>]>([
    ['max_steps', { maxSteps: 3 }],
    ['max_tokens', { maxTokens: 30 }],
    ['max_cost', { maxCostMicros: 15 }],
    ['max_wall_time', { maxWallTimeMs: 3 }],
  ])('%s: used up after three steps -> a fourth call without tools writes the answer', async (reason, limits) => {
    const { result, modelCalls } = await play({
      limits,
      model: (_step, wrapUp) => (wrapUp === null ? calls(aCall(0)) : closed('incomplete')),
    });
    expect(modelCalls.map((call) => call.wrapUp)).toEqual([null, null, null, reason]);
    expect(result).toMatchObject({ kind: 'ended', status: 'incomplete' });
  });

  it('max_tool_calls: a batch passes the limit -> the calls beyond it are refused, then the answer', async () => {
    const { toolCalls, modelCalls } = await play({
      limits: { maxToolCalls: 2 },
      model: (_step, wrapUp) => (wrapUp === null ? calls(aCall(0), aCall(1), aCall(2)) : closed('incomplete')),
    });
    expect(toolCalls.map((call) => call.refused)).toEqual([null, null, 'max_tool_calls']);
    expect(modelCalls.at(-1)?.wrapUp).toBe('max_tool_calls');
  });

  it('the same call with the same result three times -> the loop ends as repeated_call', async () => {
    const { modelCalls } = await play({
      model: (_step, wrapUp) => (wrapUp === null ? calls(aCall(0)) : closed('incomplete')),
      tool: () => ({ repeatKey: 'same' }),
    });
    expect(modelCalls.map((call) => call.wrapUp)).toEqual([null, null, null, 'repeated_call']);
  });

  it('wall time: each call gets what is left', async () => {
    const { modelCalls } = await play({
      limits: { maxWallTimeMs: 1000 },
      msPerModelCall: 400,
      model: (step) => (step === 1 ? calls(aCall(0)) : closed()),
    });
    expect(modelCalls.map((call) => call.remainingMs)).toEqual([1000, 600]);
  });

  it('client calls beside server calls: the server calls run, then the turn ends for the client', async () => {
    const {
      result,
      toolCalls,
      closed: endings,
    } = await play({
      model: () => ({ ...calls(aCall(0)), clientCalls: 1 }),
    });
    expect(toolCalls).toHaveLength(1);
    expect(endings).toEqual(['completed']);
    expect(result).toMatchObject({ kind: 'ended', status: 'completed' });
  });

  it('continue as new: the state carries over -> the next run goes on with the next step', async () => {
    const first = await play({ continueAfterStep: 1, model: () => calls(aCall(0)) });
    expect(first.result).toMatchObject({ kind: 'continue', state: { step: 1, toolCalls: 1, tokens: 10 } });
  });
});
