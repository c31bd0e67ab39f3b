/**
 * The event log of running turns: what readers see live. It is not the truth (PostgreSQL is): when it is lost, the next
 * attempt opens it again with a snapshot, and numbering goes on above everything the lost log may have given out.
 */
import type { TurnEvent, TurnEventDraft } from '../event.js';
import type { ResponseResource } from '../response-resource.js';

export interface TurnRef {
  readonly tenantId: string;
  readonly turnId: string;
}

/** Who writes: drafts of an attempt older than the newest seen for the same `part` of the turn are refused. */
export interface EventWriterRef {
  /** `step/3` for the model's step, `step/3/call/0` for a tool call, `end` for the terminal event. */
  readonly part: string;
  readonly attempt: number;
}

export interface OpenLogOptions {
  /** The first number this log may give out. Ignored when the log is already open. */
  readonly firstSequence: number;
  /** The state all numbers below `firstSequence` amount to. */
  readonly snapshot: ResponseResource;
}

export interface LogState {
  /** Highest number given out, -1 when none. */
  readonly lastSequence: number;
  /** True once the terminal event is in. */
  readonly ended: boolean;
  /** The response as all events so far amount to. */
  readonly snapshot: ResponseResource;
}

export interface ReadOptions {
  /** Deliver events with a greater number; -1 for all. */
  readonly after: number;
  readonly signal: AbortSignal;
}

export interface EventLog {
  /** Make the log of a turn ready for writing. Safe to repeat: an open log is left as it is. */
  open(turn: TurnRef, options: OpenLogOptions): Promise<void>;
  /**
   * Give each draft its number and publish it. No drafts: only shut earlier attempts at the part out.
   * @returns the number of the last one.
   * @throws `turn.stale-attempt` when a newer attempt has written to the same part, or the turn has ended;
   *   `turn.lost` when the log is not open.
   */
  append(turn: TurnRef, writer: EventWriterRef, drafts: readonly TurnEventDraft[]): Promise<number>;
  /** The state now, or null when this log does not hold the turn (never opened, lost, or expired). */
  state(turn: TurnRef): Promise<LogState | null>;
  /**
   * Events after `after`, in order, without gaps, live until the terminal event, then the iteration ends. When events
   * after `after` are no longer held, first one `turnstone:snapshot` that covers them. A turn that is not open yet is
   * waited for. A reader that falls behind is served from the log again, never buffered without bound.
   */
  read(turn: TurnRef, options: ReadOptions): AsyncIterable<TurnEvent>;
  /** Fast path of cancellation: reaches listeners in every process that shares the log. Fire and forget. */
  requestCancel(turn: TurnRef): Promise<void>;
  /** @returns a function that ends the subscription. A cancel requested in the last seconds is delivered at once. */
  onCancel(turn: TurnRef, listener: () => void): () => void;
  close(): Promise<void>;
}
