/** The events of one turn in memory: numbered, bounded, with the state they start from and the state they amount to. */
import type { TurnEvent, TurnEventDraft } from '../../domain/event.js';
import { isTerminalEvent } from '../../domain/event.js';
import { failure } from '../../domain/failures.js';
import type { EventWriterRef, LogState, OpenLogOptions } from '../../domain/ports/event-log.js';
import { createResponseReducer } from '../../domain/response-reducer.js';
import type { ResponseReducer } from '../../domain/response-reducer.js';

export interface TurnLogLimits {
  /** Beyond these the older half of the events is folded into the baseline snapshot. */
  readonly maxEvents: number;
  readonly maxChars: number;
}

export interface TurnLog {
  readonly limits: TurnLogLimits;
  /** The state that all numbers below `first` amount to. */
  readonly baseline: ResponseReducer;
  readonly current: ResponseReducer;
  /** Part of the turn -> its newest attempt. */
  readonly attempts: Map<string, number>;
  events: TurnEvent[];
  first: number;
  next: number;
  chars: number;
  ended: boolean;
}

export function createTurnLog(options: OpenLogOptions, limits: TurnLogLimits): TurnLog {
  return {
    limits,
    baseline: createResponseReducer(options.snapshot),
    current: createResponseReducer(options.snapshot),
    attempts: new Map(),
    events: [],
    first: options.firstSequence,
    next: options.firstSequence,
    chars: 0,
    ended: false,
  };
}

/** @returns the number of the last event. @throws `turn.stale-attempt`. */
export function appendToTurnLog(log: TurnLog, writer: EventWriterRef, drafts: readonly TurnEventDraft[]): number {
  checkWriter(log, writer);
  for (const draft of drafts) {
    const event: TurnEvent = { ...draft, sequence_number: log.next };
    log.next += 1;
    log.events.push(event);
    log.chars += charsOf(event);
    log.current.apply(event);
    if (isTerminalEvent(event)) log.ended = true;
  }
  foldOldEvents(log);
  return log.next - 1;
}

function checkWriter(log: TurnLog, writer: EventWriterRef): void {
  if (log.ended) {
    throw failure('turn.stale-attempt', `The turn has ended; ${writer.part} cannot add to its events.`);
  }
  const newest = log.attempts.get(writer.part) ?? 0;
  if (writer.attempt < newest) {
    const message = `Attempt ${writer.attempt} of ${writer.part} is too late: attempt ${newest} has begun.`;
    throw failure('turn.stale-attempt', message);
  }
  log.attempts.set(writer.part, writer.attempt);
}

/** Half at a time, so that trimming costs little per event. */
function foldOldEvents(log: TurnLog): void {
  if (log.events.length <= log.limits.maxEvents && log.chars <= log.limits.maxChars) return;
  const removed = log.events.slice(0, Math.ceil(log.events.length / 2));
  log.events = log.events.slice(removed.length);
  log.first += removed.length;
  for (const event of removed) {
    log.baseline.apply(event);
    log.chars -= charsOf(event);
  }
}

/** A rough size: what differs between events is their text; responses inside events are shared objects. */
function charsOf(event: TurnEventDraft): number {
  const text = 'delta' in event ? event.delta : 'text' in event ? event.text : 'code' in event ? event.code : '';
  return 200 + text.length;
}

/** Makes a copy of the response: for snapshots, not for every event. */
export function turnLogState(log: TurnLog): LogState {
  return { lastSequence: log.next - 1, ended: log.ended, snapshot: log.current.snapshot() };
}

/** Events after `after`; starts with a snapshot when some of them are no longer held. */
export function eventsSince(log: TurnLog, after: number): readonly TurnEvent[] {
  const covers = log.first - 1;
  if (after >= covers) return log.events.slice(after - covers);
  const response = log.baseline.snapshot();
  return [{ type: 'turnstone:snapshot', covers, response, sequence_number: covers }, ...log.events];
}
