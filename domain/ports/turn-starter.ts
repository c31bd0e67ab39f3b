/** Who sees to it that the workflow of an accepted turn starts, and when. */
import type { ClosedAhead } from '../turn-contract.js';
import type { StartTurn } from './turn-engine.js';

/** A turn that runs ahead of its workflow. */
export interface RunningAhead {
  /**
   * Resolves when nothing runs ahead any more: how the turn ended, or null when the rest is the workflow's. Never rejects.
   */
  readonly ended: Promise<ClosedAhead | null>;
  /** The workflow will adopt nothing: what is kept for it may go. */
  forget(): void;
}

export interface TurnStarter {
  /**
   * Returns at once and never throws: from its commit on a turn is the server's business. A start that cannot be made in the
   * end is left to the sweeper. Safe to repeat.
   * @param ahead null: nothing runs ahead, the workflow is started now.
   */
  begin(turn: StartTurn, ahead: RunningAhead | null): void;
  /**
   * Accepts a turn: few at once, so that a burst leaves other requests their place at the database, and not while many starts
   * wait, but for a short time. Whatever `accept` does, so does this.
   */
  admit<T>(accept: () => Promise<T>): Promise<T>;
}
