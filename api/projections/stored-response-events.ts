/**
 * A finished response -> the events that tell it, for readers who come when the event log no longer holds the turn. Pure.
 * Fewer events than were sent live (one delta per part), with the same end: the same items and the same last number.
 */
import type { ContentPart, TerminalEventType, TurnEvent, TurnEventDraft } from '../../domain/event.js';
import type { Aside } from './replay-asides.js';
import type { OutputItem, OutputMessageItem, ReasoningItem } from '../../domain/item.js';
import type { ResponseResource } from '../../domain/response-resource.js';

export function terminalEventType(status: ResponseResource['status']): TerminalEventType {
  if (status === 'completed') return 'response.completed';
  return status === 'failed' ? 'response.failed' : 'response.incomplete';
}

type At = { readonly item_id: string; readonly output_index: number };

function emptyPart(part: ContentPart): ContentPart {
  return part.type === 'refusal' ? { ...part, refusal: '' } : { ...part, text: '' };
}

function textEvents(part: ContentPart, at: At & { readonly content_index: number }): TurnEventDraft[] {
  switch (part.type) {
    case 'output_text':
      return [
        { type: 'response.output_text.delta', ...at, delta: part.text, logprobs: [] },
        { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] },
      ];
    case 'refusal':
      return [
        { type: 'response.refusal.delta', ...at, delta: part.refusal },
        { type: 'response.refusal.done', ...at, refusal: part.refusal },
      ];
    case 'reasoning_text':
      return [
        { type: 'response.reasoning_text.delta', ...at, delta: part.text },
        { type: 'response.reasoning_text.done', ...at, text: part.text },
      ];
  }
}

function partEvents(parts: readonly ContentPart[], at: At): TurnEventDraft[] {
  return parts.flatMap((part, content_index): TurnEventDraft[] => [
    { type: 'response.content_part.added', ...at, content_index, part: emptyPart(part) },
    ...textEvents(part, { ...at, content_index }),
    { type: 'response.content_part.done', ...at, content_index, part },
  ]);
}

function summaryEvents(item: ReasoningItem, at: At): TurnEventDraft[] {
  return item.summary.flatMap((part, summary_index): TurnEventDraft[] => [
    { type: 'response.reasoning_summary_part.added', ...at, summary_index, part: { type: 'summary_text', text: '' } },
    { type: 'response.reasoning_summary_text.delta', ...at, summary_index, delta: part.text },
    { type: 'response.reasoning_summary_text.done', ...at, summary_index, text: part.text },
    { type: 'response.reasoning_summary_part.done', ...at, summary_index, part },
  ]);
}

function begun(item: OutputItem): OutputItem {
  switch (item.type) {
    case 'message':
      return { ...item, status: 'in_progress', content: [] } satisfies OutputMessageItem;
    case 'reasoning':
      return { ...item, status: 'in_progress', summary: [], content: [] };
    case 'function_call':
      return { ...item, status: 'in_progress', arguments: '' };
    case 'code_interpreter_call':
      return { ...item, status: 'in_progress', code: '', outputs: null };
    case 'web_search_call':
      return { ...item, status: 'in_progress' };
    case 'turnstone:tool_call':
      return { ...item, status: 'in_progress', output: null };
    case 'compaction':
    case 'mcp_approval_request':
      return item;
  }
}

function innerEvents(item: OutputItem, at: At): TurnEventDraft[] {
  switch (item.type) {
    case 'message':
      return partEvents(item.content, at);
    case 'reasoning':
      return [...summaryEvents(item, at), ...partEvents(item.content, at)];
    case 'function_call':
      return [
        { type: 'response.function_call_arguments.delta', ...at, delta: item.arguments },
        { type: 'response.function_call_arguments.done', ...at, name: item.name, arguments: item.arguments },
      ];
    case 'code_interpreter_call':
      return [
        { type: 'response.code_interpreter_call_code.delta', ...at, delta: item.code ?? '' },
        { type: 'response.code_interpreter_call_code.done', ...at, code: item.code ?? '' },
        ...(item.status === 'completed' ? [{ type: 'response.code_interpreter_call.completed' as const, ...at }] : []),
      ];
    case 'web_search_call':
      return item.status === 'completed' ? [{ type: 'response.web_search_call.completed', ...at }] : [];
    default:
      return [];
  }
}

function itemEvents(item: OutputItem, output_index: number): TurnEventDraft[] {
  return [
    { type: 'response.output_item.added', output_index, item: begun(item) },
    ...innerEvents(item, { item_id: item.id, output_index }),
    { type: 'response.output_item.done', output_index, item },
  ];
}

const told = (asides: readonly Aside[], index: number): TurnEventDraft[] =>
  asides.filter(({ before }) => before === index).map(({ draft }) => draft);

/**
 * @param lastSequence the number the terminal event had when it was live; null when it was never recorded.
 * @param asides what else was told, each before an output item or at the end.
 */
export function toReplayEvents(
  response: ResponseResource,
  lastSequence: number | null,
  asides: readonly Aside[] = [],
): readonly TurnEvent[] {
  const start: ResponseResource = {
    ...response,
    status: 'in_progress',
    completed_at: null,
    output: [],
    usage: null,
    error: null,
    incomplete_details: null,
  };
  const drafts: TurnEventDraft[] = [
    { type: 'response.created', response: start },
    { type: 'response.in_progress', response: start },
    ...response.output.flatMap((item, index) => [...told(asides, index), ...itemEvents(item, index)]),
    ...told(asides, response.output.length),
  ];
  const numbered = drafts.map((draft, sequence_number): TurnEvent => ({ ...draft, sequence_number }));
  const last = Math.max(lastSequence ?? 0, numbered.length);
  return [...numbered, { type: terminalEventType(response.status), response, sequence_number: last }];
}

/** For a reader who has everything up to `after`: the whole state, then the end. Nothing when it has the end already. */
export function toCatchUpEvents(
  response: ResponseResource,
  lastSequence: number | null,
  after: number,
): readonly TurnEvent[] {
  if (lastSequence !== null && after >= lastSequence) return [];
  return [
    { type: 'turnstone:snapshot', covers: after, response, sequence_number: after },
    { type: terminalEventType(response.status), response, sequence_number: Math.max(lastSequence ?? 0, after + 1) },
  ];
}
