/** The fake provider's answers on the responses wire: the events a real provider streams, and the plain object. */
import type { FakeWireRequest } from './fake-provider-chat.js';
import { argumentsText, countsOf, pieces } from './fake-provider-script.js';
import type { FakeAnswer, FakeFrame } from './fake-provider-script.js';

type AddEvent = (kind: FakeFrame['kind'], type: string, fields: object) => void;

export function responsesFrames(reply: FakeAnswer, request: FakeWireRequest): FakeFrame[] {
  const frames: FakeFrame[] = [];
  const add: AddEvent = (kind, type, fields) => {
    const event = { type, sequence_number: frames.length, ...fields };
    frames.push({ kind, sse: `event: ${type}\ndata: ${JSON.stringify(event)}\n\n` });
  };
  const running = { ...responseObject(reply, request), status: 'in_progress', output: [], usage: null };
  add('start', 'response.created', { response: running });
  add('start', 'response.in_progress', { response: running });
  outputItems(reply, request).forEach((item, output_index) => addItem(add, reply, item, output_index));
  const done = responseObject(reply, request);
  if (reply.finishReason !== null) add('finish', `response.${done.status}`, { response: done });
  return frames;
}

export function responsesObject(reply: FakeAnswer, request: FakeWireRequest): object {
  return responseObject(reply, request);
}

type WireItem =
  | {
      readonly type: 'reasoning';
      readonly id: string;
      readonly summary: readonly object[];
      readonly content?: readonly object[];
    }
  | { readonly type: 'message'; readonly id: string; readonly role: 'assistant'; readonly content: readonly object[] }
  | {
      readonly type: 'function_call';
      readonly id: string;
      readonly call_id: string;
      readonly name: string;
      readonly arguments: string;
    };

function outputItems(reply: FakeAnswer, request: FakeWireRequest): WireItem[] {
  const items: WireItem[] = [];
  const { number } = request;
  const reasoning = reply.reasoning ?? '';
  if (reasoning !== '') {
    items.push(
      reply.reasoningAs === 'other'
        ? { type: 'reasoning', id: `rs_${number}`, summary: [{ type: 'summary_text', text: reasoning }] }
        : {
            type: 'reasoning',
            id: `rs_${number}`,
            summary: [],
            content: [{ type: 'reasoning_text', text: reasoning }],
          },
    );
  }
  const content = [
    ...(reply.text === undefined ? [] : [{ type: 'output_text', text: reply.text, annotations: [], logprobs: [] }]),
    ...(reply.refusal === undefined ? [] : [{ type: 'refusal', refusal: reply.refusal }]),
  ];
  if (content.length > 0) items.push({ type: 'message', id: `msg_${number}`, role: 'assistant', content });
  (reply.toolCalls ?? []).forEach((call, index) => {
    const call_id = call.id ?? `call_${number}_${index}`;
    items.push({
      type: 'function_call',
      id: `fc_${number}_${index}`,
      call_id,
      name: call.name,
      arguments: argumentsText(call),
    });
  });
  return items;
}

function addItem(add: AddEvent, reply: FakeAnswer, item: WireItem, output_index: number): void {
  const at = { item_id: item.id, output_index };
  const empty = { function_call: { arguments: '' }, reasoning: { summary: [] }, message: { content: [] } }[item.type];
  add('start', 'response.output_item.added', { output_index, item: { ...item, ...empty, status: 'in_progress' } });
  if (item.type === 'function_call') addArguments(add, reply, item, at);
  else if (item.type === 'reasoning') addReasoning(add, reply, at);
  else addMessage(add, reply, at);
  add('start', 'response.output_item.done', { output_index, item: { ...item, status: 'completed' } });
}

type Place = { readonly item_id: string; readonly output_index: number };

function addArguments(
  add: AddEvent,
  reply: FakeAnswer,
  item: Extract<WireItem, { type: 'function_call' }>,
  at: Place,
): void {
  for (const delta of pieces(item.arguments, reply.chunkSize)) {
    add('tool', 'response.function_call_arguments.delta', { ...at, delta });
  }
  add('tool', 'response.function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments });
}

function addReasoning(add: AddEvent, reply: FakeAnswer, at: Place): void {
  const text = reply.reasoning ?? '';
  const summary = reply.reasoningAs === 'other';
  const where = summary ? { ...at, summary_index: 0 } : { ...at, content_index: 0 };
  const type = summary ? 'summary_text' : 'reasoning_text';
  const part = summary ? 'response.reasoning_summary_part' : 'response.content_part';
  const piece = summary ? 'response.reasoning_summary_text' : 'response.reasoning_text';
  add('reasoning', `${part}.added`, { ...where, part: { type, text: '' } });
  for (const delta of pieces(text, reply.chunkSize)) add('reasoning', `${piece}.delta`, { ...where, delta });
  add('reasoning', `${piece}.done`, { ...where, text });
  add('reasoning', `${part}.done`, { ...where, part: { type, text } });
}

function addMessage(add: AddEvent, reply: FakeAnswer, at: Place): void {
  const { text, refusal } = reply;
  if (text !== undefined) {
    const where = { ...at, content_index: 0 };
    const part = { type: 'output_text', text: '', annotations: [], logprobs: [] };
    add('start', 'response.content_part.added', { ...where, part });
    for (const delta of pieces(text, reply.chunkSize)) {
      add('text', 'response.output_text.delta', { ...where, delta, logprobs: [] });
    }
    add('start', 'response.output_text.done', { ...where, text, logprobs: [] });
    add('start', 'response.content_part.done', { ...where, part: { ...part, text } });
  }
  if (refusal !== undefined) {
    const where = { ...at, content_index: text === undefined ? 0 : 1 };
    add('start', 'response.content_part.added', { ...where, part: { type: 'refusal', refusal: '' } });
    for (const delta of pieces(refusal, reply.chunkSize)) add('text', 'response.refusal.delta', { ...where, delta });
    add('start', 'response.refusal.done', { ...where, refusal });
    add('start', 'response.content_part.done', { ...where, part: { type: 'refusal', refusal } });
  }
}

function responseObject(reply: FakeAnswer, request: FakeWireRequest): { readonly status: string } {
  const reason = reply.finishReason ?? 'stop';
  const incomplete = { length: 'max_output_tokens', content_filter: 'content_filter' }[reason];
  const counts = countsOf(reply, request.bodyChars);
  const usage =
    counts === null
      ? null
      : {
          input_tokens: counts.input,
          input_tokens_details: { cached_tokens: counts.cached },
          output_tokens: counts.output,
          output_tokens_details: { reasoning_tokens: counts.reasoning },
          total_tokens: counts.input + counts.output,
        };
  const fields = {
    id: `resp_${request.number}`,
    object: 'response',
    created_at: 1_760_000_000,
    status: incomplete === undefined ? 'completed' : 'incomplete',
    error: null,
    incomplete_details: incomplete === undefined ? null : { reason: incomplete },
    model: request.model,
    output: outputItems(reply, request).map((item) => ({ ...item, status: 'completed' })),
    usage,
  };
  return fields;
}
