/**
 * Head start: where API and turn worker share a process, a turn begins right after it is accepted, and the workflow's
 * activities adopt what is already running or done. It goes on as long as the workflow could only say yes: model steps
 * within the limits, and calls of tools that change nothing, need no approval and no network. The first thing that is the
 * workflow's to decide is left to it.
 *
 * Nothing depends on it. Every step and call is claimed in the store like any other attempt, so a crash, or an activity
 * that lands elsewhere, only costs the head start.
 */
import { toFailure } from '../domain/failures.js';
import { DEFAULT_POLICY, gateCall } from '../domain/policy.js';
import type { Scope } from '../domain/scope.js';
import type { RunningAhead } from '../domain/ports/turn-starter.js';
import type { StepClaim, StepContext, TurnEnding } from '../domain/ports/turn-store.js';
import { MAX_STAGES } from '../domain/turn-contract.js';
import type {
  CallModelResult,
  ClosedAhead,
  PlannedCall,
  ProgressStage,
  RunToolResult,
  TurnIds,
  TurnLoopState,
} from '../domain/turn-contract.js';
import type { TerminalStatus, TurnRecord } from '../domain/turn.js';
import {
  admitCalls,
  afterModelStep,
  afterToolCalls,
  initialTurnState,
  limitReached,
  remainingMs,
} from '../domain/turn-state.js';
import type { ActivityDeps, RunContext, StopReason } from './activity-deps.js';
import { finishTurn } from './finish-turn.js';
import { runModelStep } from './model-step.js';
import { runToolCall } from './tool-run.js';

/** Beyond this many turns that run or wait to be adopted the ordinary path is taken: memory stays bounded under a burst. */
const MAX_TURNS = 1_000;
/** Results nobody has adopted by then are found in the store instead. */
const FORGET_AFTER_MS = 60_000;
const COMPLETED: TurnEnding = { status: 'completed', incompleteReason: null, error: null };
/** The claim that acceptance made for step 1. */
const ACCEPTED: StepClaim = { attempt: 1, firstSequence: 0, committed: null };

/** @param context what the acceptance knew of the turn; undefined: the step loads it. */
export function acceptedClaim(context: StepContext | undefined): StepClaim {
  return context === undefined ? ACCEPTED : { ...ACCEPTED, context };
}

export type StartedTurn = Pick<TurnRecord, 'id' | 'conversationId' | 'requestId' | 'settings' | 'createdAtMs'>;

/** Work an activity adopts in place of doing it. */
export interface Adopted<T> {
  readonly result: Promise<T>;
  stop(reason: StopReason): void;
}

export interface HeadStart {
  /**
   * @param claim of step 1; left out: the one that acceptance made.
   * @returns null when too many turns run ahead already: this one takes the ordinary path.
   */
  begin(scope: Scope, turn: StartedTurn, claim?: StepClaim): RunningAhead | null;
  /**
   * What runs or ran ahead of the workflow, once each; null when there is nothing: then the head start of this turn ends,
   * because the workflow has caught up.
   */
  adoptStep(turnId: string, step: number): Adopted<CallModelResult> | null;
  adoptCall(turnId: string, step: number, callIndex: number): Adopted<RunToolResult> | null;
  /** Ends all of them without closing their turns: another process, or the next start, goes on. */
  close(): Promise<void>;
}

interface AheadTurn {
  readonly deps: ActivityDeps;
  readonly scope: Scope;
  readonly turn: StartedTurn;
  readonly stop: AbortController;
  readonly run: RunContext;
  readonly work: Map<string, Promise<unknown>>;
  /** The workflow has caught up: begin nothing more. */
  overtaken: boolean;
  /** Nothing runs any more. */
  ended: boolean;
}

export function createHeadStart(deps: ActivityDeps): HeadStart {
  const turns = new Map<string, AheadTurn>();
  const running = new Set<Promise<unknown>>();

  const adopt = <T>(turnId: string, key: string): Adopted<T> | null => {
    const ahead = turns.get(turnId);
    if (ahead === undefined) return null;
    const result = ahead.work.get(key);
    ahead.work.delete(key);
    if (result === undefined) ahead.overtaken = true;
    if (ahead.ended && ahead.work.size === 0) turns.delete(turnId);
    return result === undefined ? null : { result: result as Promise<T>, stop: (reason) => ahead.stop.abort(reason) };
  };

  return {
    begin(scope, turn, claim = ACCEPTED) {
      if (turns.size >= MAX_TURNS) return null;
      const ahead = createAheadTurn(deps, scope, turn);
      turns.set(turn.id, ahead);
      const unsubscribe = deps.events.onCancel({ tenantId: scope.tenantId, turnId: turn.id }, () =>
        ahead.stop.abort('cancel'),
      );
      const ended = runAhead(ahead, claim)
        .catch((error: unknown) => {
          // Whoever adopts the failed work reports it; without one the workflow's own attempt does it again.
          ahead.run.log.warn({ code: toFailure(error).code }, 'the head start ended early');
          return null;
        })
        .finally(() => {
          unsubscribe();
          running.delete(ended);
          ahead.ended = true;
          if (ahead.work.size === 0) turns.delete(turn.id);
          else setTimeout(() => turns.delete(turn.id), FORGET_AFTER_MS).unref();
        });
      running.add(ended);
      return { ended, forget: () => void turns.delete(turn.id) };
    },
    adoptStep: (turnId, step) => adopt(turnId, stepKey(step)),
    adoptCall: (turnId, step, callIndex) => adopt(turnId, callKey(step, callIndex)),
    async close() {
      for (const ahead of turns.values()) ahead.stop.abort('shutdown');
      await Promise.allSettled(running);
    },
  };
}

const stepKey = (step: number): string => `step/${step}`;
const callKey = (step: number, callIndex: number): string => `step/${step}/call/${callIndex}`;

function idsOf(scope: Scope, turn: StartedTurn): TurnIds {
  const { id: turnId, conversationId, requestId } = turn;
  return { tenantId: scope.tenantId, turnId, conversationId, requestId };
}

function createAheadTurn(deps: ActivityDeps, scope: Scope, turn: StartedTurn): AheadTurn {
  const stop = new AbortController();
  const log = deps.logger.child(idsOf(scope, turn));
  const run = { signal: stop.signal, log, engineAttempt: 1 };
  return { deps, scope, turn, stop, run, work: new Map(), overtaken: false, ended: false };
}

async function runAhead(ahead: AheadTurn, first: StepClaim): Promise<ClosedAhead | null> {
  const { turn } = ahead;
  const { limits } = turn.settings;
  const stages: ProgressStage[] = [];
  let state = initialTurnState(turn.createdAtMs);
  for (let claim: StepClaim | null = first; mayGoOn(ahead); claim = null) {
    if (limitReached(limits, state, Date.now()) !== null) return null;
    const timeMs = remainingMs(limits, state, Date.now());
    const result = await modelStep(ahead, state.step + 1, timeMs, claim);
    state = afterModelStep(state, result);
    stages.push(modelStage(turn, state.step, result));
    if (result.outcome === 'closed') return closedAs(result.status ?? 'failed', state, stages);
    if (!mayRunAll(ahead, state, result.calls) || !mayGoOn(ahead)) return null;
    const outcomes = await runCalls(ahead, state, result.calls);
    state = afterToolCalls(state, outcomes);
    stages.push(...result.calls.flatMap((call, index) => toolStage(state.step, call, outcomes[index])));
    if (result.clientCalls > 0) {
      if (!mayGoOn(ahead)) return null;
      await finishTurn(ahead.deps, ahead.scope, turn.id, COMPLETED);
      return closedAs('completed', state, stages);
    }
  }
  return null;
}

function closedAs(status: TerminalStatus, state: TurnLoopState, stages: readonly ProgressStage[]): ClosedAhead {
  return { status, state, stages: stages.slice(-MAX_STAGES) };
}

/** As the workflow shows them. */
function modelStage(turn: StartedTurn, step: number, result: CallModelResult): ProgressStage {
  const name = turn.settings.modelChain[0] ?? turn.settings.requestedModel;
  return { step, name, status: 'completed', detail: `${result.model}, ${result.tokens} tokens` };
}

function toolStage(step: number, call: PlannedCall, outcome: RunToolResult | undefined): ProgressStage[] {
  return outcome === undefined ? [] : [{ step, name: call.name, status: outcome.status, detail: outcome.preview }];
}

function runCalls(ahead: AheadTurn, state: TurnLoopState, calls: readonly PlannedCall[]): Promise<RunToolResult[]> {
  const timeMs = remainingMs(ahead.turn.settings.limits, state, Date.now());
  return Promise.all(calls.map((call) => toolCall(ahead, state.step, call, timeMs)));
}

function mayRunAll(ahead: AheadTurn, state: TurnLoopState, calls: readonly PlannedCall[]): boolean {
  const admitted = admitCalls(ahead.turn.settings.limits, state, calls);
  const tainted = state.tainted === true;
  return admitted.every(({ call, refused }) => refused === null && mayRunAhead(ahead, call, tainted));
}

function mayGoOn(ahead: AheadTurn): boolean {
  return !ahead.overtaken && !ahead.stop.signal.aborted;
}

/** What the gate lets run and nothing could be lost by: it reads, asks nobody and reaches nowhere. */
function mayRunAhead(ahead: AheadTurn, call: PlannedCall, tainted: boolean): boolean {
  const tool = ahead.deps.tools.find((each) => each.name === call.name);
  if (tool?.effect !== 'read' || tool.egress) return false;
  return gateCall(ahead.turn.settings.policy ?? DEFAULT_POLICY, call, tainted).action === 'run';
}

function modelStep(ahead: AheadTurn, step: number, timeMs: number, claim: StepClaim | null): Promise<CallModelResult> {
  const { deps, scope, turn, run } = ahead;
  const input = { ...idsOf(scope, turn), step, remainingMs: timeMs };
  const context = { ...run, log: run.log.child({ step, attempt: 1 }) };
  return keep(ahead, stepKey(step), () => runModelStep(deps, scope, input, context, claim));
}

function toolCall(ahead: AheadTurn, step: number, call: PlannedCall, timeMs: number): Promise<RunToolResult> {
  const { deps, scope, turn, run } = ahead;
  const { callIndex } = call;
  const place = { ...idsOf(scope, turn), step, callIndex };
  const context = { ...run, log: run.log.child({ step, callIndex, attempt: 1 }) };
  return keep(ahead, callKey(step, callIndex), () =>
    runToolCall(deps, scope, { ...place, remainingMs: timeMs }, context),
  );
}

function keep<T>(ahead: AheadTurn, key: string, work: () => Promise<T>): Promise<T> {
  const result = work();
  ahead.work.set(key, result);
  return result;
}
