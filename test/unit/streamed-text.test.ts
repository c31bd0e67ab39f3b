/** Streamed text stays storable wherever a provider cuts it: halves of characters wait for their other half. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnswerAssembler } from '../../activities/answer-assembler.js';
import { cutToBudget } from '../../activities/tool-result.js';
import type { TurnEventDraft } from '../../domain/event.js';
import { storableText } from '../../domain/json.js';
import type { ToolItem } from '../../domain/item.js';
import type { ModelChunk } from '../../domain/ports/model.js';

const UNSTORABLE = /[\0\p{Surrogate}]/u;

function assemble(chunks: readonly ModelChunk[]): { text: string; shown: string; args: string } {
  const drafts: TurnEventDraft[] = [];
  const assembler = createAnswerAssembler({
    firstIndex: 0,
    emit: (draft) => drafts.push(draft),
    isClientFunction: () => true,
    maxCalls: 8,
    origin: 'trusted',
    toToolItem: (): ToolItem => {
      throw new Error('every call is a client function here');
    },
  });
  for (const chunk of chunks) assembler.push(chunk);
  const { items, calls } = assembler.finish();
  const deltas = drafts.flatMap((draft) => (draft.type === 'response.output_text.delta' ? [draft.delta] : []));
  for (const delta of deltas) expect(delta).not.toMatch(UNSTORABLE);
  const text = items.flatMap((item) => (item.type === 'message' ? item.content : []));
  return {
    text: text.map((part) => ('text' in part ? part.text : '')).join(''),
    shown: deltas.join(''),
    args: calls.map((call) => call.arguments).join(''),
  };
}

const anyText = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), minLength: 1 });

describe('streamed text', () => {
  it('cut between any two UTF-16 units: -> the text as if it had come in one piece', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ unit: 'grapheme', minLength: 1 })), (text) => {
        const units = Array.from({ length: text.length }, (_, index) => text.charAt(index));
        const { text: kept, shown } = assemble(units.map((unit) => ({ type: 'text-delta', text: unit })));
        expect(kept).toBe(storableText(text));
        expect(shown).toBe(kept);
      }),
    );
  });

  it('arguments of a call: -> put together the same way', () => {
    const args = '{"face":"\u{1F600}"}';
    const { args: kept } = assemble([
      { type: 'tool-call-start', index: 0, callId: 'call_1', name: 'smile' },
      { type: 'tool-call-delta', index: 0, arguments: args.slice(0, 10) },
      { type: 'tool-call-delta', index: 0, arguments: args.slice(10) },
    ]);
    expect(kept).toBe(args);
  });

  it('a result cut to its budget: -> no half of a character at the cut', () => {
    for (const budget of [100, 101, 102, 103]) {
      expect(cutToBudget('\u{1F600}'.repeat(500), budget, 'ci_1').text).not.toMatch(UNSTORABLE);
    }
  });
});
