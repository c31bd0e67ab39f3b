/**
 * Writes one attempt's events to the log. Deltas of the same part are merged for about 25 ms, so that a fast model costs
 * 40 events a second and not one per token; the first one goes out at once.
 */
import type { TurnEventDraft } from '../domain/event.js';
import type { EventLog, EventWriterRef, TurnRef } from '../domain/ports/event-log.js';
import { toError } from '../domain/failures.js';

const COALESCE_MS = 25;

export interface EventWriter {
  emit(draft: TurnEventDraft): void;
  /** Waits until everything emitted so far is in the log. @throws `turn.stale-attempt` when another attempt took over. */
  flush(): Promise<void>;
}

/** @param onRefused called once when the log refuses a write, so that the work behind it can stop early. */
export function createEventWriter(
  events: EventLog,
  turn: TurnRef,
  writer: EventWriterRef,
  onRefused: () => void,
): EventWriter {
  let pending: TurnEventDraft[] = [];
  let timer: NodeJS.Timeout | null = null;
  let lastFlushMs = 0;
  let written: Promise<void> = Promise.resolve();
  let refused: Error | null = null;

  const write = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (pending.length === 0) return;
    const batch = pending;
    pending = [];
    lastFlushMs = performance.now();
    written = written.then(async () => {
      if (refused !== null) return;
      try {
        await events.append(turn, writer, batch);
      } catch (error) {
        refused = toError(error);
        onRefused();
      }
    });
  };

  return {
    emit(draft) {
      const last = pending.at(-1);
      const merged = last === undefined ? null : mergeDeltas(last, draft);
      if (merged === null) pending.push(draft);
      else pending[pending.length - 1] = merged;
      const waitMs = lastFlushMs + COALESCE_MS - performance.now();
      if (waitMs <= 0) queueMicrotask(write);
      else timer ??= setTimeout(write, waitMs);
    },
    async flush() {
      write();
      await written;
      if (refused !== null) throw refused;
    },
  };
}

/**
 * Shuts earlier attempts at a part out of an open log, before this one has anything to say. A log that is not open has
 * nobody to shut out: its process is gone, and whoever opens it begins with higher numbers.
 * @throws `turn.stale-attempt` when a newer attempt has been here.
 */
export async function fenceEvents(events: EventLog, turn: TurnRef, writer: EventWriterRef): Promise<void> {
  if ((await events.state(turn)) === null) return;
  await events.append(turn, writer, []);
}

/** Two deltas for the same place become one; anything else stays apart. */
function mergeDeltas(left: TurnEventDraft, right: TurnEventDraft): TurnEventDraft | null {
  if (!('delta' in left) || !('delta' in right) || left.type !== right.type) return null;
  const sameItem = left.item_id === right.item_id;
  const samePart = partOf(left) === partOf(right);
  return sameItem && samePart ? { ...left, delta: left.delta + right.delta } : null;
}

function partOf(draft: TurnEventDraft): number {
  if ('content_index' in draft) return draft.content_index;
  return 'summary_index' in draft ? draft.summary_index : 0;
}
