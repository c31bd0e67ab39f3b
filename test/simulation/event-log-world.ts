/**
 * The event log under a schedule: writers of several parts and attempts, some late; readers that come, fall behind and come back;
 * a log so small that it folds its past into a snapshot. The log's own code, one decision after the other.
 */
import { appendToTurnLog, createTurnLog, eventsSince, turnLogState } from '../../adapters/memory/turn-log.js';
import type { TurnLog } from '../../adapters/memory/turn-log.js';
import type { TurnEventDraft } from '../../domain/event.js';
import { isTerminalEvent } from '../../domain/event.js';
import { isFailure } from '../../domain/failures.js';
import { createResponseReducer } from '../../domain/response-reducer.js';
import type { ResponseReducer } from '../../domain/response-reducer.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import { aResponse } from '../support/response-builders.js';
import type { Tape } from './tape.js';

interface Reader {
  after: number;
  readonly seen: ResponseReducer;
  terminal: number;
}

const MAX_OPERATIONS = 60;
const PARTS = ['step/1', 'step/1/call/0', 'step/2'];
const START = aResponse();

interface World {
  readonly tape: Tape;
  readonly log: TurnLog;
  readonly readers: Reader[];
  /** Part of the turn -> its newest attempt. */
  readonly newest: Map<string, number>;
  readonly problems: string[];
  items: number;
}

/** @returns what is wrong; empty when all is well. */
export function playEventLog(tape: Tape): string[] {
  const start = { firstSequence: tape.choose(3) * 1000, snapshot: START };
  const log = createTurnLog(start, { maxEvents: 6, maxChars: 100_000 });
  const world: World = { tape, log, readers: [newReader()], newest: new Map(), problems: [], items: 0 };
  for (let count = 0; count < MAX_OPERATIONS; count += 1) {
    const operation = tape.choose(6);
    if (operation < 4) write(world);
    else if (operation === 4) world.readers.push(newReader());
    else catchUp(world, world.readers[tape.choose(world.readers.length)] ?? newReader());
  }
  const truth = JSON.stringify(turnLogState(log).snapshot);
  for (const reader of world.readers) {
    catchUp(world, reader);
    if (JSON.stringify(reader.seen.snapshot()) !== truth)
      world.problems.push('a reader sees another state than the log');
    if (reader.terminal > 1) world.problems.push(`a reader got ${reader.terminal} terminal events`);
  }
  return world.problems;
}

function write(world: World): void {
  const { tape, log, newest, problems } = world;
  const part = PARTS[tape.choose(PARTS.length)] ?? '';
  const attempt = 1 + tape.choose(3);
  const draft = tape.rarely(25) ? ending() : nextDraft(tape, world.items);
  const before = log.next;
  const late = log.ended || attempt < (newest.get(part) ?? 0);
  const accepted = append(() => appendToTurnLog(log, { part, attempt }, [draft]));
  if (accepted === late) problems.push(`${part} attempt ${attempt} was ${accepted ? 'taken' : 'refused'} wrongly`);
  if (log.next !== before + (accepted ? 1 : 0)) problems.push('a write did not take the number it was due');
  if (!accepted) return;
  newest.set(part, attempt);
  if (draft.type === 'response.output_item.added') world.items += 1;
  if (draft.type === 'turnstone:step.reset') world.items = draft.output_index;
}

function newReader(): Reader {
  return { after: -1, seen: createResponseReducer(START), terminal: 0 };
}

function catchUp({ log, problems }: World, reader: Reader): void {
  for (const event of eventsSince(log, reader.after)) {
    const snapshot = event.type === 'turnstone:snapshot';
    if (event.sequence_number <= reader.after && !(snapshot && reader.after === -1))
      problems.push('a number came twice');
    if (!snapshot && reader.after >= 0 && event.sequence_number !== reader.after + 1)
      problems.push('a number is missing');
    reader.after = event.sequence_number;
    reader.seen.apply(event);
    if (isTerminalEvent(event)) reader.terminal += 1;
  }
}

function append(write: () => unknown): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (isFailure(error) && error.code === 'turn.stale-attempt') return false;
    throw error;
  }
}

function nextDraft(tape: Tape, items: number): TurnEventDraft {
  const kind = tape.choose(4);
  if (items === 0 || kind === 0) {
    const item = {
      type: 'message',
      id: `msg_${items}`,
      role: 'assistant',
      status: 'in_progress',
      content: [],
    } as const;
    return { type: 'response.output_item.added', output_index: items, item };
  }
  const at = { item_id: `msg_${items - 1}`, output_index: items - 1, content_index: 0 };
  if (kind === 1)
    return {
      type: 'response.content_part.added',
      ...at,
      part: { type: 'output_text', text: '', annotations: [], logprobs: [] },
    };
  if (kind === 2) return { type: 'response.output_text.delta', ...at, delta: 'x', logprobs: [] };
  return { type: 'turnstone:step.reset', step: 1, attempt: 1, output_index: tape.choose(items), reason: 'again' };
}

function ending(): TurnEventDraft {
  const response: ResponseResource = { ...START, status: 'completed', output: [] };
  return { type: 'response.completed', response };
}
