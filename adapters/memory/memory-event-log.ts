/**
 * The event log of a product that runs as one process. Events live in memory: a killed process loses them, and the next
 * attempt opens the log again with a snapshot from the store and higher numbers.
 */
import { LRUCache } from 'lru-cache';
import type { TurnEvent } from '../../domain/event.js';
import { failure } from '../../domain/failures.js';
import type { EventLog, TurnRef } from '../../domain/ports/event-log.js';
import { createTurnLog } from './turn-log.js';
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

const keyOf = (turn: TurnRef): string => `${turn.tenantId}/${turn.turnId}`;

export function createMemoryEventLog(options: MemoryEventLogOptions = {}): EventLog {
  const limits = { maxEvents: options.maxEventsPerTurn ?? 20_000, maxChars: options.maxCharsPerTurn ?? 16_000_000 };
  const running = new Map<string, TurnLog>();
  const ended = new LRUCache<string, TurnLog>({
    ttl: options.retentionMs ?? 10 * 60_000,
    maxSize: options.maxEndedChars ?? 256_000_000,
    sizeCalculation: (log) => Math.max(1, log.chars()),
    dispose: (log) => log.drop(),
  });
  const openers = new Map<string, Set<() => void>>();
  const cancels = new Map<string, Set<() => void>>();
  const cancelled = new LRUCache<string, true>({ ttl: CANCEL_MEMORY_MS, max: MAX_REMEMBERED_CANCELS });

  const find = (key: string): TurnLog | undefined => running.get(key) ?? ended.get(key);

  const whenOpened = (key: string, listener: () => void): (() => void) => {
    const waiting = openers.get(key) ?? new Set();
    openers.set(key, waiting.add(listener));
    return () => {
      waiting.delete(listener);
      if (waiting.size === 0) openers.delete(key);
    };
  };

  /** Resolves at the next change of the turn's log, when it opens, or when `signal` aborts. */
  const changed = (key: string, log: TurnLog | undefined, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        unsubscribe();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const unsubscribe = log === undefined ? whenOpened(key, done) : log.whenChanged(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });

  async function* read(turn: TurnRef, from: number, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    const key = keyOf(turn);
    let after = from;
    while (!signal.aborted) {
      const log = find(key);
      const batch = log?.since(after) ?? [];
      for (const event of batch) {
        if (signal.aborted) return;
        yield event;
        after = event.sequence_number;
      }
      if (log === undefined || batch.length === 0) {
        if (log?.isEnded() === true && after >= log.lastSequence()) return;
        await changed(key, log?.isDropped() === true ? undefined : log, signal);
      }
    }
  }

  return {
    open(turn, start) {
      const key = keyOf(turn);
      if (find(key) === undefined) {
        running.set(key, createTurnLog(start, limits));
        for (const listener of [...(openers.get(key) ?? [])]) listener();
      }
      return Promise.resolve();
    },
    append(turn, writer, drafts) {
      const key = keyOf(turn);
      const log = find(key);
      if (log === undefined) {
        return Promise.reject(failure('turn.lost', `The event log of ${turn.turnId} is not open; open it before writing.`));
      }
      try {
        const last = log.append(writer, drafts);
        if (log.isEnded() && running.has(key)) {
          running.delete(key);
          ended.set(key, log);
        }
        return Promise.resolve(last);
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
    state: (turn) => Promise.resolve(find(keyOf(turn))?.state() ?? null),
    read: (turn, { after, signal }) => read(turn, after, signal),
    requestCancel(turn) {
      const key = keyOf(turn);
      cancelled.set(key, true);
      for (const listener of [...(cancels.get(key) ?? [])]) listener();
      return Promise.resolve();
    },
    onCancel(turn, listener) {
      const key = keyOf(turn);
      const listeners = cancels.get(key) ?? new Set();
      cancels.set(key, listeners.add(listener));
      if (cancelled.has(key)) listener();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) cancels.delete(key);
      };
    },
    close() {
      for (const log of running.values()) log.drop();
      running.clear();
      ended.clear();
      return Promise.resolve();
    },
  };
}
