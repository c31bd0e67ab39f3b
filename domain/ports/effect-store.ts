/** Effects of tool calls, what undid them, and what people found out. Only calls that were begun, in the turn they ran in. */
import type { EffectRecord, EffectResolution, UndoStatus } from '../effect.js';
import type { Scope } from '../scope.js';

export interface EffectQuery {
  readonly of: { readonly conversationId: string } | { readonly turnId: string };
  /** The id of an effect the page starts after. */
  readonly after: string | null;
  readonly limit: number;
}

export interface UndoEnding {
  readonly effectId: string;
  /** Null: whichever attempt was the last; for an undo that was given up. */
  readonly attempt: number | null;
  readonly status: Exclude<UndoStatus, 'running'>;
  readonly text: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface RunningUndo {
  readonly tenantId: string;
  readonly effect: EffectRecord;
}

export interface EffectStore {
  /** Newest first. Calls that a fork took over are listed where they ran. */
  list(
    scope: Scope,
    query: EffectQuery,
  ): Promise<{ readonly effects: readonly EffectRecord[]; readonly hasMore: boolean }>;
  get(scope: Scope, id: string): Promise<EffectRecord | null>;
  /** Note that an undo is asked for, once: later calls change nothing. @throws `effect.not-found`. */
  requestUndo(scope: Scope, id: string): Promise<EffectRecord>;
  /** Take the undo for a new attempt, fencing earlier ones. @returns null when it has ended, or was never asked for. */
  claimUndo(scope: Scope, id: string): Promise<number | null>;
  /** System-wide, oldest first: undos that were asked for longer than `olderThanMs` ago and have not ended. */
  listRunningUndos(olderThanMs: number, limit: number): Promise<readonly RunningUndo[]>;
  /** @returns false when it has ended, or a newer attempt holds it: nothing was written. */
  endUndo(scope: Scope, ending: UndoEnding): Promise<boolean>;
  /**
   * What a person found out, once. It is added to what the model is told of the call.
   * @returns null when somebody was first: nothing was written. @throws `effect.not-found`.
   */
  resolve(
    scope: Scope,
    id: string,
    resolution: Pick<EffectResolution, 'happened' | 'note'>,
  ): Promise<EffectRecord | null>;
}
