/**
 * Events -> the response they amount to. The event log uses it for snapshots, tests use it as the reference client: what a
 * reader builds from the stream must equal what is stored.
 */
import type { TurnEventDraft } from './event.js';
import type { OutputItem } from './item.js';
import type { ResponseResource } from './response-resource.js';

/** Items while they are being built: the fields events write to, on any item type. */
interface OpenItem {
  status?: string;
  content?: OpenPart[];
  summary?: { text: string }[];
  arguments?: string;
  code?: string | null;
}
interface OpenPart {
  text?: string;
  refusal?: string;
}

export interface ResponseReducer {
  apply(event: TurnEventDraft): void;
  /** A copy: later events do not change it. */
  snapshot(): ResponseResource;
}

export function createResponseReducer(initial: ResponseResource): ResponseReducer {
  let response = initial;
  let output = toOpenItems(initial.output);
  return {
    apply(event) {
      if ('response' in event) {
        response = event.response;
        output = toOpenItems(response.output);
      } else if (event.type === 'turnstone:step.reset') {
        output.length = Math.min(output.length, event.output_index);
      } else if ('item' in event) {
        output[event.output_index] = structuredClone(event.item) as OpenItem;
      } else if ('output_index' in event) {
        const item = output[event.output_index];
        if (item !== undefined) applyToItem(item, event);
      }
    },
    snapshot: () => ({ ...response, output: structuredClone(output) as unknown as OutputItem[] }),
  };
}

function toOpenItems(items: readonly OutputItem[]): OpenItem[] {
  return structuredClone(items) as unknown as OpenItem[];
}

function applyToItem(item: OpenItem, event: TurnEventDraft): void {
  if ('content_index' in event) applyToContent(item, event);
  else if ('summary_index' in event) applyToSummary(item, event);
  else applyToCall(item, event);
}

type ContentEvent = Extract<TurnEventDraft, { content_index: number }>;
type SummaryEvent = Extract<TurnEventDraft, { summary_index: number }>;

function applyToContent(item: OpenItem, event: ContentEvent): void {
  if (event.type === 'response.content_part.added' || event.type === 'response.content_part.done') {
    if (item.content !== undefined) item.content[event.content_index] = structuredClone(event.part);
    return;
  }
  const part = item.content?.[event.content_index];
  if (part === undefined) return;
  const field = 'refusal' in part ? 'refusal' : 'text';
  if ('delta' in event) part[field] = (part[field] ?? '') + event.delta;
  else if ('text' in event) part.text = event.text;
  else if ('refusal' in event) part.refusal = event.refusal;
}

function applyToSummary(item: OpenItem, event: SummaryEvent): void {
  if (item.summary === undefined) return;
  const part = item.summary[event.summary_index];
  switch (event.type) {
    case 'response.reasoning_summary_part.added':
    case 'response.reasoning_summary_part.done':
      item.summary[event.summary_index] = { ...event.part };
      return;
    case 'response.reasoning_summary_text.delta':
      if (part !== undefined) part.text += event.delta;
      return;
    case 'response.reasoning_summary_text.done':
      if (part !== undefined) part.text = event.text;
  }
}

function applyToCall(item: OpenItem, event: TurnEventDraft): void {
  switch (event.type) {
    case 'response.function_call_arguments.delta':
      item.arguments = (item.arguments ?? '') + event.delta;
      return;
    case 'response.function_call_arguments.done':
      item.arguments = event.arguments;
      return;
    case 'response.code_interpreter_call_code.delta':
      item.code = (item.code ?? '') + event.delta;
      return;
    case 'response.code_interpreter_call_code.done':
      item.code = event.code;
      return;
    case 'response.code_interpreter_call.interpreting':
      item.status = 'interpreting';
      return;
    case 'response.web_search_call.searching':
      item.status = 'searching';
      return;
    default:
      // Stages, and events that say what `output_item.done` says again.
      return;
  }
}
