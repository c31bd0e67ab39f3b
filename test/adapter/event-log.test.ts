/**
 * The suite of the event log port, run over every adapter: numbering without gaps, readers that miss and double nothing,
 * fencing of late attempts, snapshots for what is no longer held, cancel signals.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import type { TurnEvent, TurnEventDraft } from '../../domain/event.js';
import type { EventLog } from '../../domain/ports/event-log.js';
import { aResponse } from '../support/response-builders.js';

interface SmallLog {
  readonly maxEventsPerTurn: number;
}
const adapters: Record<string, (options?: SmallLog) => EventLog> = {
  memory: (options) => createMemoryEventLog(options),
};

const turn = { tenantId: 'default', turnId: 'resp_1' };
const writer = { part: 'step/1', attempt: 1 };
const never = new AbortController().signal;

const added: TurnEventDraft = {
  type: 'response.output_item.added',
  output_index: 0,
  item: { type: 'message', id: 'm', role: 'assistant', status: 'in_progress', content: [] },
};
const part: TurnEventDraft = {
  type: 'response.content_part.added',
  item_id: 'm',
  output_index: 0,
  content_index: 0,
  part: { type: 'output_text', text: '', annotations: [], logprobs: [] },
};
const delta = (text: string): TurnEventDraft => ({
  type: 'response.output_text.delta',
  item_id: 'm',
  output_index: 0,
  content_index: 0,
  delta: text,
  logprobs: [],
});
const completed = (): TurnEventDraft => ({
  type: 'response.completed',
  response: aResponse({ status: 'completed' }),
});

async function collect(events: AsyncIterable<TurnEvent>): Promise<TurnEvent[]> {
  const all: TurnEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
const numbers = (events: readonly TurnEvent[]): number[] => events.map((event) => event.sequence_number);

describe.each(Object.entries(adapters))('event log: %s', (_name, create) => {
  let log: EventLog;
  beforeEach(async () => {
    log = create();
    await log.open(turn, { firstSequence: 0, snapshot: aResponse() });
  });
  afterEach(() => log.close());

  it('append: numbers are 0, 1, 2… over several calls', async () => {
    expect(await log.append(turn, writer, [added, part])).toBe(1);
    expect(await log.append(turn, writer, [delta('a'), completed()])).toBe(3);
    expect(numbers(await collect(log.read(turn, { after: -1, signal: never })))).toEqual([0, 1, 2, 3]);
  });

  it('read: a reader from the start and one from the middle, live -> nothing missing, nothing doubled', async () => {
    await log.append(turn, writer, [added, part, delta('a')]);
    const fromStart = collect(log.read(turn, { after: -1, signal: never }));
    const fromMiddle = collect(log.read(turn, { after: 1, signal: never }));
    for (let count = 0; count < 50; count += 1) await log.append(turn, writer, [delta(String(count))]);
    const last = await log.append(turn, { part: 'end', attempt: 1 }, [completed()]);
    expect(numbers(await fromStart)).toEqual(Array.from({ length: last + 1 }, (_, index) => index));
    expect(numbers(await fromMiddle)).toEqual(Array.from({ length: last - 1 }, (_, index) => index + 2));
  });

  it('read: after the terminal event -> the iteration ends, also for late readers', async () => {
    await log.append(turn, writer, [completed()]);
    expect(await collect(log.read(turn, { after: 0, signal: never }))).toEqual([]);
  });

  it('read before open: waits for the log', async () => {
    const later = { tenantId: 'default', turnId: 'resp_later' };
    const reading = collect(log.read(later, { after: -1, signal: never }));
    await log.open(later, { firstSequence: 0, snapshot: aResponse() });
    await log.append(later, writer, [completed()]);
    expect(numbers(await reading)).toEqual([0]);
  });

  it('read: abort -> the iteration ends at once', async () => {
    const abort = new AbortController();
    const reading = collect(log.read(turn, { after: -1, signal: abort.signal }));
    abort.abort();
    expect(await reading).toEqual([]);
  });

  it('a log lost and opened again: a reader from before gets a snapshot that covers the gap, then the rest', async () => {
    const again = { tenantId: 'default', turnId: 'resp_again' };
    await log.open(again, { firstSequence: 1_000_000, snapshot: aResponse({ id: 'resp_again' }) });
    await log.append(again, { part: 'step/1', attempt: 2 }, [added, completed()]);
    const events = await collect(log.read(again, { after: 37, signal: never }));
    expect(events[0]).toMatchObject({ type: 'turnstone:snapshot', covers: 999_999, sequence_number: 999_999 });
    expect(numbers(events)).toEqual([999_999, 1_000_000, 1_000_001]);
  });

  it('more events than are held: the snapshot stands for exactly those that are gone', async () => {
    await log.close();
    log = create({ maxEventsPerTurn: 10 });
    await log.open(turn, { firstSequence: 0, snapshot: aResponse() });
    await log.append(turn, writer, [added, part]);
    for (let count = 0; count < 30; count += 1) await log.append(turn, writer, [delta('x')]);
    const text = (await log.state(turn))?.snapshot.output[0];
    const abort = new AbortController();
    const seen: TurnEvent[] = [];
    for await (const event of log.read(turn, { after: 3, signal: abort.signal })) {
      seen.push(event);
      if (event.sequence_number === 31) abort.abort();
    }
    const [snapshot, ...rest] = seen;
    expect(snapshot?.type).toBe('turnstone:snapshot');
    const covered = snapshot?.type === 'turnstone:snapshot' ? snapshot.covers : -1;
    expect(numbers(rest)).toEqual(Array.from({ length: 31 - covered }, (_, index) => covered + 1 + index));
    expect(text).toMatchObject({ content: [{ text: 'x'.repeat(30) }] });
  });

  it('append: an attempt older than the newest of its part -> refused, and nothing is added', async () => {
    await log.append(turn, { part: 'step/1', attempt: 2 }, [added]);
    await expect(log.append(turn, { part: 'step/1', attempt: 1 }, [part])).rejects.toMatchObject({
      code: 'turn.stale-attempt',
    });
    expect((await log.state(turn))?.lastSequence).toBe(0);
  });

  it('append: after the terminal event -> refused: there is exactly one', async () => {
    await log.append(turn, writer, [completed()]);
    await expect(log.append(turn, { part: 'end', attempt: 1 }, [completed()])).rejects.toMatchObject({
      code: 'turn.stale-attempt',
    });
  });

  it('append: to a turn that is not open -> turn.lost', async () => {
    const other = { tenantId: 'default', turnId: 'resp_none' };
    await expect(log.append(other, writer, [added])).rejects.toMatchObject({ code: 'turn.lost' });
  });

  it('two tenants, one id: neither sees the other', async () => {
    const other = { tenantId: 'other', turnId: turn.turnId };
    await log.append(turn, writer, [added]);
    expect(await log.state(other)).toBeNull();
  });

  it('open again: an open log is left as it is', async () => {
    await log.append(turn, writer, [added]);
    await log.open(turn, { firstSequence: 500, snapshot: aResponse() });
    expect(await log.append(turn, writer, [part])).toBe(1);
  });

  it('cancel: reaches a listener at once, also one that comes later, and not after it left', async () => {
    const heard: string[] = [];
    const leave = log.onCancel(turn, () => heard.push('first'));
    await log.requestCancel(turn);
    leave();
    await log.requestCancel(turn);
    log.onCancel(turn, () => heard.push('late'));
    expect(heard).toEqual(['first', 'late']);
  });
});
