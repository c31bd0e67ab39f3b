/** Proves that coalescing changes how often events are written, never what a reader ends up with. */
import { describe, expect, it } from 'vitest';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { createEventWriter } from '../../activities/event-writer.js';
import type { TurnEvent, TurnEventDraft } from '../../domain/event.js';
import { aResponse } from '../support/response-builders.js';

const turn = { tenantId: 'default', turnId: 'resp_1' };
const delta = (text: string, contentIndex = 0): TurnEventDraft => ({
  type: 'response.output_text.delta',
  item_id: 'm',
  output_index: 0,
  content_index: contentIndex,
  delta: text,
  logprobs: [],
});

async function written(drafts: readonly TurnEventDraft[]): Promise<TurnEvent[]> {
  const log = createMemoryEventLog();
  await log.open(turn, { firstSequence: 0, snapshot: aResponse() });
  const writer = createEventWriter(log, turn, { part: 'step/1', attempt: 1 }, () => undefined);
  for (const draft of drafts) writer.emit(draft);
  await writer.flush();
  await log.append(turn, { part: 'end', attempt: 1 }, [{ type: 'response.completed', response: aResponse() }]);
  const events: TurnEvent[] = [];
  for await (const event of log.read(turn, { after: -1, signal: new AbortController().signal })) events.push(event);
  return events.slice(0, -1);
}

describe('event writer', () => {
  it('a burst of deltas: fewer events, the same text', async () => {
    const events = await written(Array.from({ length: 100 }, (_, index) => delta(`${index} `)));
    const text = events.map((event) => ('delta' in event ? event.delta : '')).join('');
    expect(text).toBe(Array.from({ length: 100 }, (_, index) => `${index} `).join(''));
    expect(events.length).toBeLessThan(10);
  });

  it('deltas of different parts: never merged, order kept', async () => {
    const events = await written([delta('a'), delta('b', 1), delta('c')]);
    expect(events.map((event) => ('delta' in event ? event.delta : ''))).toEqual(['a', 'b', 'c']);
  });

  it('refused by the log: the work is told once, and flush throws', async () => {
    const log = createMemoryEventLog();
    await log.open(turn, { firstSequence: 0, snapshot: aResponse() });
    await log.append(turn, { part: 'step/1', attempt: 2 }, [delta('newer')]);
    let told = 0;
    const writer = createEventWriter(log, turn, { part: 'step/1', attempt: 1 }, () => (told += 1));
    writer.emit(delta('late'));
    await expect(writer.flush()).rejects.toMatchObject({ code: 'turn.stale-attempt' });
    expect(told).toBe(1);
  });
});
