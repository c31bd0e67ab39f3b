/** A stored response replayed as events amounts to that response again, with the number its end had live. */
import { describe, expect, it } from 'vitest';
import { toCatchUpEvents, toReplayEvents } from '../../api/projections/stored-response-events.js';
import { isTerminalEvent } from '../../domain/event.js';
import type { OutputItem } from '../../domain/item.js';
import { createResponseReducer } from '../../domain/response-reducer.js';
import { toResponseResource } from '../../domain/response-resource.js';
import { aToolItem, aTurn, anAnswer } from '../support/turn-builders.js';

const OUTPUT: readonly OutputItem[] = [
  {
    type: 'reasoning',
    id: 'rs_1',
    status: 'completed',
    summary: [{ type: 'summary_text', text: 'short' }],
    content: [{ type: 'reasoning_text', text: 'long' }],
  },
  {
    type: 'code_interpreter_call',
    id: 'ci_1',
    code: 'print(1)',
    container_id: 'c',
    outputs: [{ type: 'logs', logs: '1' }],
    status: 'completed',
  },
  {
    type: 'web_search_call',
    id: 'ws_1',
    status: 'completed',
    action: { type: 'open_page', url: 'https://example.org' },
  },
  aToolItem({ id: 'tc_1', status: 'completed', output: 'noon' }),
  { type: 'compaction', id: 'cmp_1', encrypted_content: 'e30' },
  {
    type: 'message',
    id: 'msg_0',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'refusal', refusal: 'no' }],
  },
  { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'f', arguments: '{"a":1}', status: 'completed' },
  anAnswer('the end', { id: 'msg_1' }),
];

describe('toReplayEvents', () => {
  it.each(['completed', 'failed', 'incomplete', 'cancelled'] as const)(
    '%s: the events amount to the response',
    (status) => {
      const response = toResponseResource(aTurn({ status }), OUTPUT);
      const events = toReplayEvents(response, 4_000_123);
      const reducer = createResponseReducer({ ...response, output: [] });
      for (const event of events.slice(0, -1)) reducer.apply(event);
      expect(reducer.snapshot().output).toEqual(response.output);
      expect(events.filter(isTerminalEvent)).toEqual([events.at(-1)]);
      expect(events.at(-1)).toMatchObject({ sequence_number: 4_000_123, response });
    },
  );

  it('numbers rise from 0, even when the recorded end is lower or missing', () => {
    const response = toResponseResource(aTurn(), OUTPUT);
    for (const last of [null, 2]) {
      const numbers = toReplayEvents(response, last).map((event) => event.sequence_number);
      expect(numbers).toEqual(numbers.map((_number, index) => index));
    }
  });
});

describe('toCatchUpEvents', () => {
  const response = toResponseResource(aTurn(), OUTPUT);

  it('a reader in the middle: a snapshot that covers what it has, then the end', () => {
    expect(toCatchUpEvents(response, 40, 12)).toEqual([
      { type: 'turnstone:snapshot', covers: 12, response, sequence_number: 12 },
      { type: 'response.completed', response, sequence_number: 40 },
    ]);
  });

  it('a reader that has the end: nothing', () => {
    expect(toCatchUpEvents(response, 40, 40)).toEqual([]);
  });
});
