/** The workflow engine as the API and the sweeper use it. */
import type { TurnInput, TurnRef } from '../turn-contract.js';

export interface StartTurn {
  readonly input: TurnInput;
  readonly agent: string;
  readonly model: string;
  readonly principalId: string;
  /** One line for operators, no content of the conversation. */
  readonly summary: string;
}

/** What the engine knows of a turn: the run whose memo names it. */
export type EngineState =
  | { readonly kind: 'running' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'ended'; readonly how: 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed_out' };

export interface TurnEngine {
  /**
   * Safe to repeat: a turn that is already running is left alone. @throws `engine.unavailable`, `conversation.busy`.
   * @param where `here`: this process has begun the turn, so its build goes on with it; else, where turns are pinned to builds,
   *   the deployment's current build takes it.
   */
  start(turn: StartTurn, where?: 'here'): Promise<void>;
  /**
   * Durable cancel; no error when there is nothing to cancel any more. @throws `engine.unavailable`.
   * @returns false when the engine does not know the turn, perhaps not yet: ask again while the turn is open.
   */
  cancel(turn: TurnRef): Promise<boolean>;
  /**
   * Wake a turn that waits for people: these approvals were decided. Safe to repeat.
   * @returns false when no workflow of the turn is there to hear it. @throws `engine.unavailable`.
   */
  tellDecided(turn: TurnRef, approvalIds: readonly string[]): Promise<boolean>;
  /** @throws `engine.unavailable`. */
  describe(turn: TurnRef): Promise<EngineState>;
  /** The workflow's `progress` query; null when it is not running or does not answer in time. */
  progress(turn: TurnRef): Promise<unknown>;
  /** Round trip to the engine, for health. @throws `engine.unavailable`. */
  ping(): Promise<{ readonly latencyMs: number; readonly version: string }>;
}
