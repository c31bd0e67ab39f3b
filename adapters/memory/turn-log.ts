/** The events of one turn in memory: numbered, bounded, with the state they start from and the state they amount to. */
import type { TurnEvent, TurnEventDraft } from '../../domain/event.js';
import { isTerminalEvent } from '../../domain/event.js';
import { failure } from '../../domain/failures.js';
import type { EventWriterRef, LogState, OpenLogOptions } from '../../domain/ports/event-log.js';
import { createResponseReducer } from '../../domain/response-reducer.js';
import type { ResponseReducer } from '../../domain/response-reducer.js';

export interface TurnLogLimits {
  /** Oldest events are folded into the baseline snapshot beyond these. */
  readonly maxEvents: number;
  readonly maxChars: number;
}

export interface TurnLog {
  append(writer: EventWriterRef, drafts: readonly TurnEventDraft[]): number;
  /** Makes a copy of the response: for snapshots, not for every event. */
  state(): LogState;
  lastSequence(): number;
  isEnded(): boolean;
  /** Events after `after`; starts with a snapshot when some of them are no longer held. */
  since(after: number): readonly TurnEvent[];
  /** Called once at the next append or when the log is dropped. */
  whenChanged(listener: () => void): () => void;
  drop(): void;
  isDropped(): boolean;
  chars(): number;
}

/** A rough size: what differs between events is their text; responses inside events are shared objects. */
function charsOf(event: TurnEventDraft): number {
  const text = 'delta' in event ? event.delta : 'text' in event ? event.text : 'code' in event ? event.code : '';
  return 200 + text.length;
}

export function createTurnLog(options: OpenLogOptions, limits: TurnLogLimits): TurnLog {
  const baseline: ResponseReducer = createResponseReducer(options.snapshot);
  const current: ResponseReducer = createResponseReducer(options.snapshot);
  const newestAttempt = new Map<string, number>();
  const listeners = new Set<() => void>();
  let events: TurnEvent[] = [];
  let first = options.firstSequence;
  let next = options.firstSequence;
  let chars = 0;
  let ended = false;
  let dropped = false;

  const checkWriter = (writer: EventWriterRef): void => {
    const newest = newestAttempt.get(writer.part) ?? 0;
    if (ended) throw failure('turn.stale-attempt', `The turn has ended; ${writer.part} cannot add to its events.`);
    if (writer.attempt < newest) {
      throw failure('turn.stale-attempt', `Attempt ${writer.attempt} of ${writer.part} is too late: attempt ${newest} has begun.`);
    }
    newestAttempt.set(writer.part, writer.attempt);
  };

  /** Keeps the newest half when a bound is passed, so that trimming costs little per event. */
  const trim = (): void => {
    if (events.length <= limits.maxEvents && chars <= limits.maxChars) return;
    const removed = events.slice(0, Math.ceil(events.length / 2));
    events = events.slice(removed.length);
    for (const event of removed) {
      baseline.apply(event);
      chars -= charsOf(event);
    }
    first += removed.length;
  };

  const notify = (): void => {
    const waiting = [...listeners];
    listeners.clear();
    for (const listener of waiting) listener();
  };

  return {
    append(writer, drafts) {
      checkWriter(writer);
      for (const draft of drafts) {
        const event: TurnEvent = { ...draft, sequence_number: next };
        next += 1;
        events.push(event);
        chars += charsOf(event);
        current.apply(event);
        if (isTerminalEvent(event)) ended = true;
      }
      trim();
      notify();
      return next - 1;
    },
    state: () => ({ lastSequence: next - 1, ended, snapshot: current.snapshot() }),
    lastSequence: () => next - 1,
    isEnded: () => ended,
    since(after) {
      if (after >= first - 1) return events.slice(Math.max(0, after + 1 - first));
      const covers = first - 1;
      const snapshot = { type: 'turnstone:snapshot' as const, covers, response: baseline.snapshot(), sequence_number: covers };
      return [snapshot, ...events];
    },
    whenChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    drop() {
      dropped = true;
      notify();
    },
    isDropped: () => dropped,
    chars: () => chars,
  };
}
