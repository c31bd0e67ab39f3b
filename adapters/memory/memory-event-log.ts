/**
 * The event log of a product that runs as one process. Events live in memory: a killed process loses them, and the next
 * attempt opens the log again with a snapshot from the store and higher numbers.
 */
import { LRUCache } from 'lru-cache';
import type { TurnEvent } from '../../domain/event.js';
import { failure } from '../../domain/failures.js';
import type { EventLog, TurnRef } from '../../domain/ports/event-log.js';
import { createKeyedListeners } from './keyed-listeners.js';
import type { KeyedListeners } from './keyed-listeners.js';
import { appendToTurnLog, createTurnLog, eventsSince, turnLogState } from './turn-log.js';
import type { TurnLog } from './turn-log.js';

export interface MemoryEventLogOptions {
  /** How long an ended turn's events stay readable: long enough for a client that lost its network to come back. */
  readonly retentionMs?: number;
  readonly maxEventsPerTurn?: number;
  readonly maxCharsPerTurn?: number;
  /** Over all ended turns; the least recently read go first. Running turns are never evicted. */
  readonly maxEndedChars?: number;
}

/** A cancel that arrives before its activity listens is remembered this long. */
const CANCEL_MEMORY_MS = 60_000;
const MAX_REMEMBERED_CANCELS = 10_000;

interface Logs {
  readonly running: Map<string, TurnLog>;
  readonly ended: LRUCache<string, TurnLog>;
  readonly changes: KeyedListeners;
}

const keyOf = (turn: TurnRef): string => `${turn.tenantId}/${turn.turnId}`;
const find = (logs: Logs, key: string): TurnLog | undefined => logs.running.get(key) ?? logs.ended.get(key);

export function createMemoryEventLog(options: MemoryEventLogOptions = {}): EventLog {
  const limits = { maxEvents: options.maxEventsPerTurn ?? 20_000, maxChars: options.maxCharsPerTurn ?? 16_000_000 };
  const logs = createLogs(options);
  const cancels = createKeyedListeners();
  const cancelled = new LRUCache<string, true>({ ttl: CANCEL_MEMORY_MS, max: MAX_REMEMBERED_CANCELS });

  return {
    async open(turn, start) {
      const key = keyOf(turn);
      if (find(logs, key) !== undefined) return;
      logs.running.set(key, createTurnLog(start, limits));
      logs.changes.notify(key);
    },
    append: async (turn, writer, drafts) => {
      const key = keyOf(turn);
      const log = find(logs, key);
      if (log === undefined) {
        throw failure('turn.lost', `The event log of ${turn.turnId} is not open; open it before writing.`);
      }
      const last = appendToTurnLog(log, writer, drafts);
      if (log.ended && logs.running.delete(key)) logs.ended.set(key, log);
      logs.changes.notify(key);
      return last;
    },
    state: async (turn) => {
      const log = find(logs, keyOf(turn));
      return log === undefined ? null : turnLogState(log);
    },
    read: (turn, { after, signal }) => readEvents(logs, keyOf(turn), after, signal),
    async requestCancel(turn) {
      cancelled.set(keyOf(turn), true);
      cancels.notify(keyOf(turn));
    },
    onCancel(turn, listener) {
      const remove = cancels.add(keyOf(turn), listener);
      if (cancelled.has(keyOf(turn))) listener();
      return remove;
    },
    async close() {
      logs.running.clear();
      logs.ended.clear();
    },
  };
}

function createLogs(options: MemoryEventLogOptions): Logs {
  return {
    running: new Map(),
    changes: createKeyedListeners(),
    ended: new LRUCache<string, TurnLog>({
      ttl: options.retentionMs ?? 10 * 60_000,
      maxSize: options.maxEndedChars ?? 256_000_000,
      sizeCalculation: (log) => Math.max(1, log.chars),
    }),
  };
}

async function* readEvents(logs: Logs, key: string, from: number, signal: AbortSignal): AsyncGenerator<TurnEvent> {
  let after = from;
  while (!signal.aborted) {
    const log = find(logs, key);
    const batch = log === undefined ? [] : eventsSince(log, after);
    for (const event of batch) {
      yield event;
      after = event.sequence_number;
    }
    if (batch.length > 0) continue;
    if (log?.ended === true) return;
    await nextChange(logs, key, signal);
  }
}

/** Resolves at the next change of the turn's log, when it opens, or when `signal` aborts. */
function nextChange(logs: Logs, key: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      remove();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const remove = logs.changes.add(key, done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
