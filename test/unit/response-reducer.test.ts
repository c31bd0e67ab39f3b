/** Proves that events amount to the response they describe, whatever the order of deltas, resets and snapshots. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnswerAssembler } from '../../activities/answer-assembler.js';
import { toToolItem } from '../../activities/tool-items.js';
import type { TurnEventDraft } from '../../domain/event.js';
import type { ModelChunk } from '../../domain/ports/model.js';
import { createResponseReducer } from '../../domain/response-reducer.js';
import { aResponse } from '../support/response-builders.js';

const aChunk: fc.Arbitrary<ModelChunk> = fc.oneof(
  fc.record({ type: fc.constant('text-delta' as const), text: fc.string({ maxLength: 8 }) }),
  fc.record({ type: fc.constant('reasoning-delta' as const), text: fc.string({ maxLength: 8 }) }),
  fc.record({ type: fc.constant('reasoning-summary-delta' as const), text: fc.string({ maxLength: 8 }) }),
  fc.record({ type: fc.constant('refusal-delta' as const), text: fc.string({ maxLength: 8 }) }),
  fc.record({
    type: fc.constant('tool-call-start' as const),
    index: fc.nat(3),
    callId: fc.string({ minLength: 1, maxLength: 5 }),
    name: fc.constantFrom('python', 'client_fn', 'read_page'),
  }),
  fc.record({
    type: fc.constant('tool-call-delta' as const),
    index: fc.nat(3),
    arguments: fc.string({ maxLength: 6 }),
  }),
);

function assemble(
  chunks: readonly ModelChunk[],
  emit: (draft: TurnEventDraft) => void,
  end: 'finish' | 'cut',
): unknown {
  const started = new Set<number>();
  const assembler = createAnswerAssembler({
    firstIndex: 0,
    emit,
    isClientFunction: (name) => name === 'client_fn',
    maxCalls: 8,
    origin: 'trusted',
    toToolItem: (call) =>
      toToolItem(call.name === 'python' ? 'code_interpreter_call' : 'turnstone:tool_call', call, 'container'),
  });
  for (const chunk of chunks) {
    // A provider starts each call once.
    if (chunk.type === 'tool-call-start' && started.has(chunk.index)) continue;
    if (chunk.type === 'tool-call-start') started.add(chunk.index);
    assembler.push(chunk);
  }
  return assembler[end]().items;
}

describe('response reducer', () => {
  it('any answer: the reader who applies the events has exactly the stored items', () => {
    fc.assert(
      fc.property(
        fc.array(aChunk, { maxLength: 40 }),
        fc.constantFrom('finish' as const, 'cut' as const),
        (chunks, end) => {
          const reducer = createResponseReducer(aResponse());
          const stored = assemble(chunks, (draft) => reducer.apply(draft), end);
          expect(reducer.snapshot().output).toEqual(stored);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('without the done events: deltas alone amount to the same text', () => {
    const reducer = createResponseReducer(aResponse());
    const chunks: ModelChunk[] = ['Hel', 'lo ', 'world'].map((text) => ({ type: 'text-delta', text }));
    assemble(chunks, (draft) => (draft.type.endsWith('.done') ? undefined : reducer.apply(draft)), 'finish');
    expect(reducer.snapshot().output).toMatchObject([{ type: 'message', content: [{ text: 'Hello world' }] }]);
  });

  it('step.reset: open items from its index on are dropped, earlier ones stay', () => {
    const reducer = createResponseReducer(aResponse());
    assemble([{ type: 'text-delta', text: 'kept' }], (draft) => reducer.apply(draft), 'finish');
    const message = { type: 'message', id: 'msg_x', role: 'assistant', status: 'in_progress', content: [] } as const;
    reducer.apply({ type: 'response.output_item.added', output_index: 1, item: message });
    reducer.apply({ type: 'turnstone:step.reset', step: 2, attempt: 2, output_index: 1, reason: 'again' });
    expect(reducer.snapshot().output).toMatchObject([{ content: [{ text: 'kept' }] }]);
  });

  it('snapshot: a copy -> later events do not change it', () => {
    const reducer = createResponseReducer(aResponse());
    const message = { type: 'message', id: 'm', role: 'assistant', status: 'in_progress', content: [] } as const;
    reducer.apply({ type: 'response.output_item.added', output_index: 0, item: message });
    const before = reducer.snapshot();
    const part = { type: 'output_text', text: 'x', annotations: [], logprobs: [] } as const;
    reducer.apply({ type: 'response.content_part.added', item_id: 'm', output_index: 0, content_index: 0, part });
    expect(before.output).toMatchObject([{ content: [] }]);
  });
});
