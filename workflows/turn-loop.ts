/**
 * The loop of a turn, without Temporal: it gets what it may do as functions, so a unit test runs it with fakes.
 * Runs in the workflow sandbox: no Node, no clock but the one it is given.
 */
import type { LimitReason, TurnLimits } from '../domain/limits.js';
import type { TurnPolicy } from '../domain/policy.js';
import type { CallModelResult, TurnLoopState } from '../domain/turn-contract.js';
import { afterModelStep, afterToolCalls, limitReached, remainingMs } from '../domain/turn-state.js';
import type { IncompleteReason, TerminalStatus } from '../domain/turn.js';
import { runGatedCalls } from './gated-calls.js';
import type { CallBatch, GatedCallPorts } from './gated-calls.js';

export interface TurnLoopPorts extends GatedCallPorts {
  callModel(step: number, remainingMs: number, wrapUp: LimitReason | null): Promise<CallModelResult>;
  /**
   * The turn ends here without a further answer: the client has calls to answer or decisions to bring, or a decision did
   * not come in time.
   */
  close(ending: LoopEnding): Promise<void>;
  /** The engine asks for a fresh history. */
  shouldContinueAsNew(): boolean;
  changed(state: TurnLoopState): void;
}

export type TurnLoopResult =
  | { readonly kind: 'ended'; readonly status: TerminalStatus; readonly state: TurnLoopState }
  | { readonly kind: 'continue'; readonly state: TurnLoopState };

export interface LoopEnding {
  readonly status: 'completed' | 'incomplete';
  readonly incompleteReason: IncompleteReason | null;
}

/** What a turn runs by; both are fixed when it is accepted. */
export interface TurnRules {
  readonly limits: TurnLimits;
  /** Null: a turn from before there were policies. */
  readonly policy: TurnPolicy | null;
}

/** A wrap-up answer gets this long even when the wall time is used up. */
const WRAP_UP_MS = 120_000;

export async function runTurnLoop(
  { limits, policy }: TurnRules,
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

    const batch = await runGatedCalls(limits, policy, state, result.calls, ports);
    state = withWaiting(afterToolCalls(state, batch.results), batch.waitedMs);
    ports.changed(state);
    const ending = endingAfter(policy, result, batch);
    if (ending !== null) {
      await ports.close(ending);
      return { kind: 'ended', status: ending.status, state };
    }
    if (ports.shouldContinueAsNew()) return { kind: 'continue', state };
  }
}

function withWaiting(state: TurnLoopState, waitedMs: number): TurnLoopState {
  return waitedMs === 0 ? state : { ...state, waitedMs: (state.waitedMs ?? 0) + waitedMs };
}

/** Null: the model goes on with the results. */
function endingAfter(policy: TurnPolicy | null, result: CallModelResult, batch: CallBatch): LoopEnding | null {
  const statuses = batch.decisions.map((decision) => decision.status);
  if (policy?.atDeadline === 'end' && statuses.includes('expired')) {
    return { status: 'incomplete', incompleteReason: 'approval_expired' };
  }
  const forTheClient = result.clientCalls > 0 || statuses.includes('pending');
  return forTheClient ? { status: 'completed', incompleteReason: null } : null;
}
