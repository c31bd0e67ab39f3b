/** The strict reader of the end-to-end tests can fail: a good stream has no problems, and each broken one is told apart. */
import { describe, expect, it } from 'vitest';
import type { TurnEvent, TurnEventDraft } from '../../domain/event.js';
import type { OutputMessageItem } from '../../domain/item.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import { toResponseUsage } from '../../domain/response-resource.js';
import { NO_USAGE } from '../../domain/pricing.js';
import { problemsOf } from '../support/event-order.js';
import { aResponse } from '../support/response-builders.js';

const running: ResponseResource = aResponse();
const at = { item_id: 'msg_1', output_index: 0 };
const part = (text: string) => ({ type: 'output_text' as const, text, annotations: [], logprobs: [] as const });
const message = (status: 'in_progress' | 'completed', text: string | null): OutputMessageItem => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status,
  content: text === null ? [] : [part(text)],
});
const ended = (change: Partial<ResponseResource> = {}): TurnEventDraft => ({
  type: 'response.completed',
  response: {
    ...running,
    status: 'completed',
    completed_at: 2,
    usage: toResponseUsage(NO_USAGE),
    output: [message('completed', 'Hello')],
    ...change,
  },
});

const GOOD: readonly TurnEventDraft[] = [
  { type: 'response.created', response: running },
  { type: 'response.in_progress', response: running },
  { type: 'response.output_item.added', output_index: 0, item: message('in_progress', null) },
  { type: 'response.content_part.added', ...at, content_index: 0, part: part('') },
  { type: 'response.output_text.delta', ...at, content_index: 0, delta: 'Hel', logprobs: [] },
  { type: 'response.output_text.delta', ...at, content_index: 0, delta: 'lo', logprobs: [] },
  { type: 'response.output_text.done', ...at, content_index: 0, text: 'Hello', logprobs: [] },
  { type: 'response.content_part.done', ...at, content_index: 0, part: part('Hello') },
  { type: 'response.output_item.done', output_index: 0, item: message('completed', 'Hello') },
  ended(),
];

const number = (drafts: readonly TurnEventDraft[]): TurnEvent[] =>
  drafts.map((draft, sequence_number) => ({ ...draft, sequence_number }));
const without = (place: number): TurnEvent[] => number(GOOD.filter((_draft, index) => index !== place));
const withAt = (place: number, draft: TurnEventDraft): TurnEvent[] =>
  number(GOOD.map((each, index) => (index === place ? draft : each)));

describe('strict reader', () => {
  it('a whole stream: -> no problems', () => {
    expect(problemsOf(number(GOOD))).toEqual([]);
  });

  it.each(GOOD.map((draft, place) => [draft.type, place] as const))(
    'without %s (#%i): -> a problem',
    (_type, place) => {
      expect(problemsOf(without(place))).not.toEqual([]);
    },
  );

  it.each(GOOD.slice(0, -1).map((draft, place) => [draft.type, place] as const))(
    '%s (#%i) in the place of its successor: -> a problem',
    (_type, place) => {
      const [one, two] = [GOOD[place], GOOD[place + 1]];
      if (one === undefined || two === undefined) throw new Error('no such event');
      // Two deltas in the wrong order make another text.
      expect(problemsOf(number([...GOOD.slice(0, place), two, one, ...GOOD.slice(place + 2)]))).not.toEqual([]);
    },
  );

  it.each([
    ['a number twice', GOOD.map((draft, index) => ({ ...draft, sequence_number: Math.min(index, 8) }))],
    ['a gap', GOOD.map((draft, index) => ({ ...draft, sequence_number: index > 4 ? index + 1 : index }))],
    [
      'another item id',
      withAt(5, {
        ...at,
        item_id: 'msg_2',
        type: 'response.output_text.delta',
        content_index: 0,
        delta: 'lo',
        logprobs: [],
      }),
    ],
    ['another text at the end', withAt(9, ended({ output: [message('completed', 'Hallo')] }))],
    ['a status that is not its event', withAt(9, ended({ status: 'cancelled' }))],
    ['no usage', withAt(9, ended({ usage: null }))],
    ['two ends', number([...GOOD, ended()])],
    ['another response', withAt(9, ended({ id: 'resp_2' }))],
  ])('%s: -> a problem', (_what, events) => {
    expect(problemsOf(events)).not.toEqual([]);
  });

  it('a step that was reset and written again: -> no problems; without the reset: problems', () => {
    const reset: TurnEventDraft = { type: 'turnstone:step.reset', step: 1, attempt: 2, output_index: 0, reason: 'x' };
    const begun = GOOD.slice(0, 6);
    expect(problemsOf(number([...begun, reset, ...GOOD.slice(2)]))).toEqual([]);
    expect(problemsOf(number([...begun, ...GOOD.slice(2)]))).not.toEqual([]);
  });
});
