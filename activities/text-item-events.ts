/** Items made of streamed text (messages, refusals, reasoning): their shapes and the events of their life. Pure. */
import type { TurnEventDraft } from '../domain/event.js';
import type { OutputItem } from '../domain/item.js';

/** A text item that is still growing. */
export interface OpenText {
  readonly kind: 'message' | 'refusal' | 'reasoning' | 'summary';
  readonly index: number;
  readonly id: string;
  text: string;
  /** The first half of a character whose second half has not come yet. */
  held: string;
}

export function emptyTextItem(kind: OpenText['kind'], id: string): OutputItem {
  return kind === 'message' || kind === 'refusal'
    ? { type: 'message', id, role: 'assistant', status: 'in_progress', content: [] }
    : { type: 'reasoning', id, status: 'in_progress', summary: [], content: [] };
}

export function textItem(open: OpenText, status: 'completed' | 'incomplete'): OutputItem {
  const { id, text } = open;
  switch (open.kind) {
    case 'message':
      return { type: 'message', id, role: 'assistant', status, content: [outputText(text)] };
    case 'refusal':
      return { type: 'message', id, role: 'assistant', status, content: [{ type: 'refusal', refusal: text }] };
    case 'reasoning':
      return { type: 'reasoning', id, status, summary: [], content: [{ type: 'reasoning_text', text }] };
    case 'summary':
      return { type: 'reasoning', id, status, summary: [{ type: 'summary_text', text }], content: [] };
  }
}

const outputText = (text: string): { type: 'output_text'; text: string; annotations: []; logprobs: [] } => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs: [],
});

export function partAdded(open: OpenText): TurnEventDraft {
  return partEvent(open, 'added', '');
}

export function partDone(open: OpenText): readonly TurnEventDraft[] {
  const at = { item_id: open.id, output_index: open.index };
  const part = partEvent(open, 'done', open.text);
  switch (open.kind) {
    case 'message':
      return [{ type: 'response.output_text.done', ...at, content_index: 0, text: open.text, logprobs: [] }, part];
    case 'refusal':
      return [{ type: 'response.refusal.done', ...at, content_index: 0, refusal: open.text }, part];
    case 'reasoning':
      return [{ type: 'response.reasoning_text.done', ...at, content_index: 0, text: open.text }, part];
    case 'summary':
      return [{ type: 'response.reasoning_summary_text.done', ...at, summary_index: 0, text: open.text }, part];
  }
}

function partEvent(open: OpenText, moment: 'added' | 'done', text: string): TurnEventDraft {
  const at = { item_id: open.id, output_index: open.index };
  if (open.kind === 'summary') {
    const type = `response.reasoning_summary_part.${moment}` as const;
    return { type, ...at, summary_index: 0, part: { type: 'summary_text', text } };
  }
  const type = `response.content_part.${moment}` as const;
  if (open.kind === 'refusal') return { type, ...at, content_index: 0, part: { type: 'refusal', refusal: text } };
  if (open.kind === 'reasoning') return { type, ...at, content_index: 0, part: { type: 'reasoning_text', text } };
  return { type, ...at, content_index: 0, part: outputText(text) };
}

export function deltaOf(open: OpenText, delta: string): TurnEventDraft {
  const at = { item_id: open.id, output_index: open.index };
  switch (open.kind) {
    case 'message':
      return { type: 'response.output_text.delta', ...at, content_index: 0, delta, logprobs: [] };
    case 'refusal':
      return { type: 'response.refusal.delta', ...at, content_index: 0, delta };
    case 'reasoning':
      return { type: 'response.reasoning_text.delta', ...at, content_index: 0, delta };
    case 'summary':
      return { type: 'response.reasoning_summary_text.delta', ...at, summary_index: 0, delta };
  }
}
