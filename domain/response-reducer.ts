/**
 * Events -> the response they amount to. The event log uses it for snapshots, tests use it as the reference client: what a
 * reader builds from the stream must equal what is stored.
 */
import type { TurnEventDraft } from './event.js';
import type { OutputItem } from './item.js';
import type { ResponseResource } from './response-resource.js';

/** Items while they are being built: the fields events write to, on any item type. */
interface OpenItem {
  id: string;
  status?: string;
  content?: { text?: string; refusal?: string }[];
  summary?: { text: string }[];
  arguments?: string;
  code?: string | null;
}

export interface ResponseReducer {
  apply(event: TurnEventDraft): void;
  /** A copy: later events do not change it. */
  snapshot(): ResponseResource;
  /** How many output items there are now. */
  outputCount(): number;
}

export function createResponseReducer(initial: ResponseResource): ResponseReducer {
  let response = initial;
  let output = structuredClone(initial.output) as unknown as OpenItem[];

  const replaceResponse = (next: ResponseResource): void => {
    response = next;
    output = structuredClone(next.output) as unknown as OpenItem[];
  };
  const setItem = (index: number, item: OutputItem): void => {
    output[index] = structuredClone(item) as unknown as OpenItem;
  };
  const part = (outputIndex: number, contentIndex: number): { text?: string; refusal?: string } =>
    output[outputIndex]?.content?.[contentIndex] ?? {};
  const summaryPart = (outputIndex: number, index: number): { text: string } =>
    output[outputIndex]?.summary?.[index] ?? { text: '' };
  const setStatus = (outputIndex: number, status: string): void => {
    const item = output[outputIndex];
    if (item !== undefined) item.status = status;
  };

  const applyText = (event: TurnEventDraft): boolean => {
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.reasoning_text.delta': {
        const target = part(event.output_index, event.content_index);
        target.text = (target.text ?? '') + event.delta;
        return true;
      }
      case 'response.output_text.done':
      case 'response.reasoning_text.done':
        part(event.output_index, event.content_index).text = event.text;
        return true;
      case 'response.refusal.delta': {
        const target = part(event.output_index, event.content_index);
        target.refusal = (target.refusal ?? '') + event.delta;
        return true;
      }
      case 'response.refusal.done':
        part(event.output_index, event.content_index).refusal = event.refusal;
        return true;
      case 'response.reasoning_summary_text.delta':
        summaryPart(event.output_index, event.summary_index).text += event.delta;
        return true;
      case 'response.reasoning_summary_text.done':
        summaryPart(event.output_index, event.summary_index).text = event.text;
        return true;
      default:
        return false;
    }
  };

  const applyParts = (event: TurnEventDraft): boolean => {
    switch (event.type) {
      case 'response.content_part.added':
      case 'response.content_part.done': {
        const content = output[event.output_index]?.content;
        if (content !== undefined) content[event.content_index] = structuredClone(event.part);
        return true;
      }
      case 'response.reasoning_summary_part.added':
      case 'response.reasoning_summary_part.done': {
        const summary = output[event.output_index]?.summary;
        if (summary !== undefined) summary[event.summary_index] = { ...event.part };
        return true;
      }
      default:
        return false;
    }
  };

  const applyCalls = (event: TurnEventDraft): boolean => {
    switch (event.type) {
      case 'response.function_call_arguments.delta': {
        const item = output[event.output_index];
        if (item !== undefined) item.arguments = (item.arguments ?? '') + event.delta;
        return true;
      }
      case 'response.function_call_arguments.done': {
        const item = output[event.output_index];
        if (item !== undefined) item.arguments = event.arguments;
        return true;
      }
      case 'response.code_interpreter_call_code.delta': {
        const item = output[event.output_index];
        if (item !== undefined) item.code = (item.code ?? '') + event.delta;
        return true;
      }
      case 'response.code_interpreter_call_code.done': {
        const item = output[event.output_index];
        if (item !== undefined) item.code = event.code;
        return true;
      }
      case 'response.code_interpreter_call.interpreting':
        setStatus(event.output_index, 'interpreting');
        return true;
      case 'response.web_search_call.searching':
        setStatus(event.output_index, 'searching');
        return true;
      default:
        return false;
    }
  };

  return {
    apply(event) {
      switch (event.type) {
        case 'response.created':
        case 'response.queued':
        case 'response.in_progress':
        case 'response.completed':
        case 'response.failed':
        case 'response.incomplete':
        case 'turnstone:snapshot':
          replaceResponse(event.response);
          return;
        case 'response.output_item.added':
        case 'response.output_item.done':
          setItem(event.output_index, event.item);
          return;
        case 'turnstone:step.reset':
          output.length = Math.min(output.length, event.output_index);
          return;
        default:
          if (!applyText(event) && !applyParts(event)) applyCalls(event);
      }
    },
    snapshot: () => ({ ...response, output: structuredClone(output) as unknown as OutputItem[] }),
    outputCount: () => output.length,
  };
}
