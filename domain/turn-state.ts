/**
 * The state machine of a turn's loop, pure: what a step's results do to it, and what may happen next. The workflow decides
 * by it; the head start asks it too, so that it never begins what the workflow would not schedule. Zod-free.
 */
import { reachedLimit } from './limits.js';
import type { LimitReason, TurnLimits } from './limits.js';
import type { CallModelResult, PlannedCall, RunToolResult, TurnLoopState } from './turn-contract.js';
import type { TurnFork } from './turn.js';

export function initialTurnState(nowMs: number): TurnLoopState {
  return { step: 0, toolCalls: 0, tokens: 0, costMicros: 0, startedAtMs: nowMs, repeats: {} };
}

/** A forked turn begins behind the steps that were copied into it; what they used was used by the turn they are from. */
export function firstTurnState(fork: TurnFork | undefined, nowMs: number): TurnLoopState {
  const initial = initialTurnState(nowMs);
  return fork === undefined ? initial : { ...initial, step: fork.step - 1 };
}

export function afterModelStep(state: TurnLoopState, result: CallModelResult): TurnLoopState {
  return {
    ...state,
    step: state.step + 1,
    tokens: state.tokens + result.tokens,
    costMicros: state.costMicros + result.costMicros,
    ...(result.tainted === true ? { tainted: true } : {}),
  };
}

export function afterToolCalls(state: TurnLoopState, outcomes: readonly RunToolResult[]): TurnLoopState {
  const repeats: Record<string, number> = { ...state.repeats };
  for (const { repeatKey } of outcomes) repeats[repeatKey] = (repeats[repeatKey] ?? 0) + 1;
  return { ...state, toolCalls: state.toolCalls + outcomes.length, repeats };
}

/** The limit that ends the loop before the next step, or null. */
export function limitReached(limits: TurnLimits, state: TurnLoopState, nowMs: number): LimitReason | null {
  return reachedLimit(limits, {
    steps: state.step,
    toolCalls: state.toolCalls,
    elapsedMs: elapsedMs(state, nowMs),
    tokens: state.tokens,
    costMicros: state.costMicros,
    repeats: Math.max(0, ...Object.values(state.repeats)),
  });
}

export function remainingMs(limits: TurnLimits, state: TurnLoopState, nowMs: number): number {
  return Math.max(1, limits.maxWallTimeMs - elapsedMs(state, nowMs));
}

/** Time in which the turn only waited for people is not its own. */
function elapsedMs(state: TurnLoopState, nowMs: number): number {
  return nowMs - state.startedAtMs - (state.waitedMs ?? 0);
}

/** The gate of a batch of calls: each with the limit that refuses it, or null when it may run. */
export function admitCalls(
  limits: TurnLimits,
  state: TurnLoopState,
  calls: readonly PlannedCall[],
): readonly { readonly call: PlannedCall; readonly refused: LimitReason | null }[] {
  const allowed = Math.max(0, limits.maxToolCalls - state.toolCalls);
  return calls.map((call, position) => ({ call, refused: position < allowed ? null : 'max_tool_calls' }));
}
