/**
 * The strict reader of a whole event stream: what the specification says about order and life cycles, checked event by
 * event. A stream that was resumed is checked as one, its parts put together.
 */
import { expect } from 'vitest';
import type { TurnEvent } from '../../domain/event.js';
import { isTerminalEvent } from '../../domain/event.js';
import type { OutputItem } from '../../domain/item.js';
import { createResponseReducer } from '../../domain/response-reducer.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import { checkItemEvent, openParts } from './event-order-items.js';
import type { FollowedItem } from './event-order-items.js';

const TERMINAL_TYPES: Readonly<Record<string, string>> = {
  completed: 'response.completed',
  failed: 'response.failed',
  incomplete: 'response.incomplete',
  // The standard has no event for it.
  cancelled: 'response.incomplete',
};

/** Accepts events as any client types them. @returns the response of the terminal event. */
export function expectOrderly(stream: readonly object[]): ResponseResource {
  const events = stream as readonly TurnEvent[];
  expect(problemsOf(events)).toEqual([]);
  const last = events.at(-1);
  if (last === undefined || !('response' in last)) throw new Error('the stream has no end');
  return last.response;
}

/** Everything about the stream that breaks a rule, in words. */
export function problemsOf(events: readonly TurnEvent[]): readonly string[] {
  const problems: string[] = [];
  const say = (at: number, what: string): void => void problems.push(`#${at} ${events[at]?.type}: ${what}`);
  checkFrame(events, say);
  const first = events[0];
  if (first === undefined || !('response' in first)) return [...problems, 'the stream does not begin with a response'];
  const reducer = createResponseReducer(first.response);
  const items: FollowedItem[] = [];
  for (const [at, event] of events.entries()) {
    if (event.type === 'turnstone:step.reset') items.length = Math.min(items.length, event.output_index);
    else if (isTerminalEvent(event)) checkEnd(event, items, reducer.snapshot().output, (what) => say(at, what));
    else checkItemEvent(event, items, (what) => say(at, what));
    reducer.apply(event);
  }
  return problems;
}

type Say = (at: number, what: string) => void;

/** The frame around the items: numbers, the opening, the one end, one response. */
function checkFrame(events: readonly TurnEvent[], say: Say): void {
  const opening = events
    .slice(0, 3)
    .map((event) => event.type.replace('response.', ''))
    .join(' ');
  if (!/^created (queued )?in_progress/.test(opening)) say(0, `the stream opens with: ${opening}`);
  const ids = new Set(events.flatMap((event) => ('response' in event ? [event.response.id] : [])));
  if (ids.size !== 1) say(0, `responses of several ids: ${[...ids].join(', ')}`);
  for (const [at, event] of events.entries()) {
    if (event.sequence_number !== at) say(at, `number ${event.sequence_number} in place ${at}`);
    if (isTerminalEvent(event) !== (at === events.length - 1))
      say(at, 'the end is not the last event, or not the only');
    if (event.type === 'turnstone:snapshot') say(at, 'a snapshot in an unbroken stream');
    if (at > 2 && /^response\.(created|queued|in_progress)$/.test(event.type)) say(at, 'the response opens again');
  }
}

function checkEnd(
  event: TurnEvent,
  items: readonly FollowedItem[],
  built: readonly OutputItem[],
  say: (what: string) => void,
): void {
  if (!('response' in event)) return;
  const { response } = event;
  if (TERMINAL_TYPES[response.status] !== event.type) say(`status ${response.status}`);
  if (response.completed_at === null || response.usage === null) say('no completed_at or no usage');
  if ((response.error === null) !== (response.status !== 'failed')) say(`error ${JSON.stringify(response.error)}`);
  // A step that failed for good leaves open what it had begun; the response says what is left.
  if (response.status === 'failed') return;
  for (const [index, item] of items.entries()) {
    if (!item.done) say(`item ${index} (${item.type}) was never done`);
    if (openParts(item) > 0) say(`item ${index} (${item.type}) has open parts`);
    if (item.stages.size > 0) say(`stages without an end: ${[...item.stages].join(', ')}`);
  }
  const [was, is] = [JSON.stringify(sorted(built)), JSON.stringify(sorted(response.output))];
  if (was !== is) say(`the output is not what the events built:\n  built  ${was}\n  output ${is}`);
}

/** Keys in one order, so that equal values are equal texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}
