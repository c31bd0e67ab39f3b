/**
 * The loop of a turn, without Temporal: it gets what it may do as functions, so a unit test runs it with fakes.
 * Runs in the workflow sandbox: no Node, no clock but the one it is given.
 */
import type { LimitReason, TurnLimits } from '../domain/limits.js';
import type { CallModelResult, PlannedCall, RunToolResult, TurnLoopState } from '../domain/turn-contract.js';
import { admitCalls, afterModelStep, afterToolCalls, limitReached, remainingMs } from '../domain/turn-state.js';
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

export async function runTurnLoop(
  limits: TurnLimits,
  start: TurnLoopState,
  ports: TurnLoopPorts,
): Promise<TurnLoopResult> {
  let state = start;
  for (;;) {
    const limit = limitReached(limits, state, ports.nowMs());
    const timeMs = limit === null ? remainingMs(limits, state, ports.nowMs()) : WRAP_UP_MS;
    const result = await ports.callModel(state.step + 1, timeMs, limit);
    state = afterModelStep(state, result);
    ports.changed(state);
    if (result.outcome === 'closed') return { kind: 'ended', status: result.status ?? 'failed', state };

    state = afterToolCalls(state, await runCalls(limits, state, result.calls, ports));
    ports.changed(state);
    if (result.clientCalls > 0) {
      await ports.closeForClient(state.step);
      return { kind: 'ended', status: 'completed', state };
    }
    if (ports.shouldContinueAsNew()) return { kind: 'continue', state };
  }
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
  const timeMs = remainingMs(limits, state, ports.nowMs());
  const admitted = admitCalls(limits, state, calls);
  return Promise.all(admitted.map(({ call, refused }) => ports.runTool(state.step, call, timeMs, refused)));
}
