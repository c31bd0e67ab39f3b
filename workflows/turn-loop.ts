/**
 * The loop of a turn, without Temporal: it gets what it may do as functions, so a unit test runs it with fakes.
 * Runs in the workflow sandbox: no Node, no clock but the one it is given.
 */
import { reachedLimit } from '../domain/limits.js';
import type { LimitReason, TurnLimits } from '../domain/limits.js';
import type { CallModelResult, PlannedCall, RunToolResult, TurnLoopState } from '../domain/turn-contract.js';
import type { TerminalStatus } from '../domain/turn.js';

export interface TurnLoopPorts {
  nowMs(): number;
  callModel(step: number, remainingMs: number, wrapUp: LimitReason | null): Promise<CallModelResult>;
  runTool(step: number, call: PlannedCall, remainingMs: number, refused: LimitReason | null): Promise<RunToolResult>;
  /** The step's own calls are done and the client has calls to answer: the turn ends here. */
  closeForClient(step: number): Promise<void>;
  /** The engine asks for a fresh history. */
  shouldContinueAsNew(): boolean;
  changed(state: TurnLoopState): void;
}

export type TurnLoopResult =
  | { readonly kind: 'ended'; readonly status: TerminalStatus; readonly state: TurnLoopState }
  | { readonly kind: 'continue'; readonly state: TurnLoopState };

/** A wrap-up answer gets this long even when the wall time is used up. */
const WRAP_UP_MS = 120_000;

export function initialState(nowMs: number): TurnLoopState {
  return { step: 0, toolCalls: 0, tokens: 0, costMicros: 0, startedAtMs: nowMs, repeats: {} };
}

export async function runTurnLoop(
  limits: TurnLimits,
  start: TurnLoopState,
  ports: TurnLoopPorts,
): Promise<TurnLoopResult> {
  let state = start;
  for (;;) {
    const limit = limitOf(limits, state, ports.nowMs());
    const remainingMs = limit === null ? limits.maxWallTimeMs - (ports.nowMs() - state.startedAtMs) : WRAP_UP_MS;
    const result = await ports.callModel(state.step + 1, remainingMs, limit);
    state = afterModel(state, result);
    ports.changed(state);
    if (result.outcome === 'closed') return { kind: 'ended', status: result.status ?? 'failed', state };

    const outcomes = await runCalls(limits, state, result.calls, ports);
    state = afterTools(state, outcomes);
    ports.changed(state);
    if (result.clientCalls > 0) {
      await ports.closeForClient(state.step);
      return { kind: 'ended', status: 'completed', state };
    }
    if (ports.shouldContinueAsNew()) return { kind: 'continue', state };
  }
}

function limitOf(limits: TurnLimits, state: TurnLoopState, nowMs: number): LimitReason | null {
  return reachedLimit(limits, {
    steps: state.step,
    toolCalls: state.toolCalls,
    elapsedMs: nowMs - state.startedAtMs,
    tokens: state.tokens,
    costMicros: state.costMicros,
    repeats: Math.max(0, ...Object.values(state.repeats)),
  });
}

function afterModel(state: TurnLoopState, result: CallModelResult): TurnLoopState {
  return {
    ...state,
    step: state.step + 1,
    tokens: state.tokens + result.tokens,
    costMicros: state.costMicros + result.costMicros,
  };
}

function afterTools(state: TurnLoopState, outcomes: readonly RunToolResult[]): TurnLoopState {
  const repeats: Record<string, number> = { ...state.repeats };
  for (const { repeatKey } of outcomes) repeats[repeatKey] = (repeats[repeatKey] ?? 0) + 1;
  return { ...state, toolCalls: state.toolCalls + outcomes.length, repeats };
}

/**
 * The gate: limits are checked here, right before anything is scheduled. Calls beyond the limit are refused, which tells
 * the model why, and the next step then wraps up.
 */
function runCalls(
  limits: TurnLimits,
  state: TurnLoopState,
  calls: readonly PlannedCall[],
  ports: TurnLoopPorts,
): Promise<readonly RunToolResult[]> {
  const remainingMs = Math.max(1, limits.maxWallTimeMs - (ports.nowMs() - state.startedAtMs));
  const allowed = Math.max(0, limits.maxToolCalls - state.toolCalls);
  return Promise.all(
    calls.map((call, position) =>
      ports.runTool(state.step, call, remainingMs, position < allowed ? null : 'max_tool_calls'),
    ),
  );
}
