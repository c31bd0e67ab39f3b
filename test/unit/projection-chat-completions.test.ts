/** Events of a turn as chat completion chunks: what is shown, what is held back, and what a retried step does. */
import { describe, expect, it } from 'vitest';
import { beginChatStream, stepChatStream, toChatCompletion } from '../../api/projections/chat-completions.js';
import type { ChatChunk, ChatStreamState } from '../../api/projections/chat-completions.js';
import { toReplayEvents } from '../../api/projections/stored-response-events.js';
import type { TurnEventDraft } from '../../domain/event.js';
import type { OutputItem } from '../../domain/item.js';
import { toResponseResource } from '../../domain/response-resource.js';
import { aToolItem, aTurn, anAnswer } from '../support/turn-builders.js';

function run(drafts: readonly TurnEventDraft[], includeUsage = false): { chunks: ChatChunk[]; state: ChatStreamState } {
  let state = beginChatStream(includeUsage);
  const chunks: ChatChunk[] = [];
  for (const [index, draft] of drafts.entries()) {
    const step = stepChatStream(state, { ...draft, sequence_number: index });
    state = step.state;
    chunks.push(...step.chunks);
  }
  return { chunks, state };
}

const textOf = (chunks: readonly ChatChunk[]): string =>
  chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

const response = (
  output: readonly OutputItem[],
  status: 'completed' | 'incomplete' = 'completed',
  incompleteReason: 'max_steps' | 'content_filter' | null = null,
) =>
  toResponseResource(
    aTurn({
      status,
      incompleteReason,
      usage: { inputTokens: 3, cachedTokens: 1, outputTokens: 2, reasoningTokens: 1, estimated: false },
    }),
    output,
  );

const created: TurnEventDraft = { type: 'response.created', response: response([]) };
const text = (delta: string, output_index = 0): TurnEventDraft => ({
  type: 'response.output_text.delta',
  item_id: `msg_${output_index}`,
  output_index,
  content_index: 0,
  delta,
  logprobs: [],
});
const reset = (output_index: number): TurnEventDraft => ({
  type: 'turnstone:step.reset',
  step: 1,
  attempt: 2,
  output_index,
  reason: 'model.stream-cut',
});
const done = (output: readonly OutputItem[]): TurnEventDraft => ({
  type: 'response.completed',
  response: response(output),
});

describe('what is shown', () => {
  const output: readonly OutputItem[] = [
    {
      type: 'reasoning',
      id: 'rs_1',
      status: 'completed',
      summary: [],
      content: [{ type: 'reasoning_text', text: 'think' }],
    },
    anAnswer('Let me look.'),
    aToolItem({ status: 'completed', output: 'secret tool output' }),
    anAnswer('It is noon.'),
  ];

  it('a stream and the plain answer say the same: text with a gap between messages, reasoning apart, no server tools', () => {
    const whole = response(output);
    const { chunks } = run(toReplayEvents(whole, null), true);
    const plain = toChatCompletion(whole) as {
      choices: { message: { content: string; reasoning_content: string } }[];
      usage: object;
    };
    expect(textOf(chunks)).toBe('Let me look.\n\nIt is noon.');
    expect(plain.choices[0]?.message).toMatchObject({ content: textOf(chunks), reasoning_content: 'think' });
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.reasoning_content ?? '').join('')).toBe('think');
    expect(JSON.stringify(chunks)).not.toContain('secret tool output');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: plain.usage });
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
  });

  it('calls of client functions: whole, at the end, with their finish reason', () => {
    const call: OutputItem = {
      type: 'function_call',
      id: 'fc_1',
      call_id: 'call_1',
      name: 'f',
      arguments: '{"a":1}',
      status: 'completed',
    };
    const { chunks } = run(toReplayEvents(response([call]), null));
    expect(chunks.at(-2)?.choices[0]?.delta.tool_calls).toEqual([
      { index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
    ]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
    expect(chunks.filter((chunk) => chunk.choices[0]?.delta.tool_calls !== undefined)).toHaveLength(1);
  });

  it.each([
    ['max_steps', 'length'],
    ['content_filter', 'content_filter'],
  ] as const)('incomplete for %s -> finish reason %s', (reason, finish) => {
    const { chunks } = run([created, { type: 'response.incomplete', response: response([], 'incomplete', reason) }]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe(finish);
  });
});

describe('a retried step', () => {
  it('same words again -> nothing doubled, the rest follows', () => {
    const { chunks, state } = run([
      created,
      text('The answer '),
      reset(0),
      text('The ans'),
      text('wer is 4'),
      text('2.'),
      done([anAnswer('The answer is 42.')]),
    ]);
    expect(textOf(chunks)).toBe('The answer is 42.');
    expect(state.ended).toBe('yes');
  });

  it('other words -> the stream is given up, nothing wrong is sent', () => {
    const { chunks, state } = run([
      created,
      text('The answer'),
      reset(0),
      text('No idea'),
      text(', sorry'),
      done([anAnswer('No idea, sorry')]),
    ]);
    expect(textOf(chunks)).toBe('The answer');
    expect(state.ended).toBe('departed');
    expect(chunks.some((chunk) => chunk.choices[0]?.finish_reason !== null)).toBe(false);
  });

  it('a shorter text than was sent -> given up at the end', () => {
    const { state } = run([created, text('The answer is'), reset(0), text('The'), done([anAnswer('The')])]);
    expect(state.ended).toBe('departed');
  });

  it('twice in a row, and only from the step on: earlier messages stay', () => {
    const drafts = [
      created,
      text('First.'),
      text('Second', 2),
      reset(2),
      text('Sec', 2),
      reset(2),
      text('Second!', 2),
      done([anAnswer('First.'), aToolItem(), anAnswer('Second!')]),
    ];
    const { chunks, state } = run(drafts);
    expect(textOf(chunks)).toBe('First.\n\nSecond!');
    expect(state.ended).toBe('yes');
  });

  it('a snapshot in place of missed events -> what is new in it is sent', () => {
    const snapshot: TurnEventDraft = {
      type: 'turnstone:snapshot',
      covers: 9,
      response: response([anAnswer('Hello wor')]),
    };
    const { chunks } = run([created, text('Hello'), snapshot, text('ld'), done([anAnswer('Hello world')])]);
    expect(textOf(chunks)).toBe('Hello world');
  });
});
