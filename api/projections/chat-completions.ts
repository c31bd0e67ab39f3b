/**
 * The events of a turn -> a chat completion stream. Pure: `(state, event) -> state and chunks`.
 *
 * What the format cannot say is decided here. Tools of the server are not shown: they are not the client's to answer.
 * Calls of client functions are sent whole, at the end, because a retried step may write others. A reset step cannot be
 * unsent: text that was sent is expected again and swallowed; where the new text departs from it, the stream ends with an
 * error, and the client asks again. Reasoning that was sent stays sent.
 */
import type { TurnEvent } from '../../domain/event.js';
import type { OutputItem } from '../../domain/item.js';
import type { ResponseResource, ResponseUsage } from '../../domain/response-resource.js';
import { toApprovalNote } from './chat-approvals.js';
import type { ChatApprovalNote, ChatWaiting } from './chat-approvals.js';

export type ChatFinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export interface ChatToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number };
}

export interface ChatDelta {
  readonly role?: 'assistant';
  readonly content?: string;
  readonly refusal?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly (ChatToolCall & { readonly index: number })[];
}

export interface ChatChunk {
  readonly id: string;
  readonly object: 'chat.completion.chunk';
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: 0;
    readonly delta: ChatDelta;
    readonly finish_reason: ChatFinishReason | null;
    readonly logprobs: null;
  }[];
  readonly usage?: ChatUsage | null;
  /** Ours: something happened to a request for approval. The stream stays open meanwhile. */
  readonly turnstone?: ChatApprovalNote;
}

/** Between the texts of two messages of one turn (before and after a tool call), in the stream and in the plain answer. */
const MESSAGE_GAP = '\n\n';

export interface ChatStreamState {
  readonly includeUsage: boolean;
  /** Id, time and model of the chunks; null before the first event. */
  readonly head: Pick<ChatChunk, 'id' | 'object' | 'created' | 'model'> | null;
  /** Text sent so far, by output index. */
  readonly sent: Readonly<Record<number, string>>;
  /** Text that was sent before a reset and must come again before anything new is sent. */
  readonly owed: string;
  /** Set when the stream is over; an error when it could not be told to the end. */
  readonly ended: 'no' | 'yes' | 'departed';
}

export interface ChatStep {
  readonly state: ChatStreamState;
  readonly chunks: readonly ChatChunk[];
}

export function beginChatStream(includeUsage: boolean): ChatStreamState {
  return { includeUsage, head: null, sent: {}, owed: '', ended: 'no' };
}

export function toChatId(responseId: string): string {
  return `chatcmpl-${responseId}`;
}

export function toChatUsage(usage: ResponseUsage | null): ChatUsage {
  return {
    prompt_tokens: usage?.input_tokens ?? 0,
    completion_tokens: usage?.output_tokens ?? 0,
    total_tokens: usage?.total_tokens ?? 0,
    prompt_tokens_details: { cached_tokens: usage?.input_tokens_details.cached_tokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage?.output_tokens_details.reasoning_tokens ?? 0 },
  };
}

export function toChatToolCalls(output: readonly OutputItem[]): ChatToolCall[] {
  return output.flatMap((item) =>
    item.type === 'function_call'
      ? [{ id: item.call_id, type: 'function' as const, function: { name: item.name, arguments: item.arguments } }]
      : [],
  );
}

export function toFinishReason(response: ResponseResource): ChatFinishReason {
  const reason = response.incomplete_details?.reason;
  if (reason === 'content_filter') return 'content_filter';
  if (response.status === 'incomplete') return 'length';
  return response.output.some((item) => item.type === 'function_call') ? 'tool_calls' : 'stop';
}

function chunk(state: ChatStreamState, delta: ChatDelta, finish: ChatFinishReason | null = null): ChatChunk[] {
  if (state.head === null) return [];
  const usage = state.includeUsage ? { usage: null } : {};
  return [{ ...state.head, choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }], ...usage }];
}

function begin(state: ChatStreamState, response: ResponseResource): ChatStep {
  if (state.head !== null) return { state, chunks: [] };
  const head = {
    id: toChatId(response.id),
    object: 'chat.completion.chunk' as const,
    created: response.created_at,
    model: response.model,
  };
  const begun = { ...state, head };
  return { state: begun, chunks: chunk(begun, { role: 'assistant', content: '' }) };
}

/** Text at an output index, with the gap when it is the first of a later message. */
function sendText(state: ChatStreamState, index: number, text: string): ChatStep {
  const before = Object.entries(state.sent).some(([other, value]) => Number(other) < index && value !== '');
  const isFirst = (state.sent[index] ?? '') === '';
  const whole = isFirst && before && text !== '' ? MESSAGE_GAP + text : text;
  const sent = { ...state.sent, [index]: (state.sent[index] ?? '') + whole };
  const shared = Math.min(state.owed.length, whole.length);
  if (state.owed.slice(0, shared) !== whole.slice(0, shared))
    return { state: { ...state, ended: 'departed' }, chunks: [] };
  const next = { ...state, sent, owed: state.owed.slice(shared) };
  const fresh = whole.slice(shared);
  return { state: next, chunks: fresh === '' ? [] : chunk(next, { content: fresh }) };
}

function reset(state: ChatStreamState, fromIndex: number): ChatStep {
  const entries = Object.entries(state.sent).map(([index, text]) => [Number(index), text] as const);
  const dropped = entries.filter(([index]) => index >= fromIndex).sort(([left], [right]) => left - right);
  const sent = Object.fromEntries(entries.filter(([index]) => index < fromIndex));
  // What was still owed from an earlier reset follows what had come again since.
  const owed = dropped.map(([, text]) => text).join('') + state.owed;
  return { state: { ...state, sent, owed }, chunks: [] };
}

/** A snapshot stands in for missed events: whatever text it has beyond what was sent is sent now. */
function catchUp(state: ChatStreamState, response: ResponseResource): ChatStep {
  let step = begin(state, response);
  const again = reset(step.state, 0);
  step = { state: again.state, chunks: step.chunks };
  for (const [index, item] of response.output.entries()) {
    if (item.type !== 'message' || step.state.ended !== 'no') continue;
    const text = item.content.map((part) => (part.type === 'output_text' ? part.text : '')).join('');
    const sent = sendText(step.state, index, text);
    step = { state: sent.state, chunks: [...step.chunks, ...sent.chunks] };
  }
  return step;
}

function finish(state: ChatStreamState, response: ResponseResource): ChatStep {
  const begun = begin(state, response);
  if (begun.state.owed !== '') return { state: { ...begun.state, ended: 'departed' }, chunks: begun.chunks };
  const ended = { ...begun.state, ended: 'yes' as const };
  const calls = toChatToolCalls(response.output).map((call, index) => ({ index, ...call }));
  const usage: ChatChunk[] =
    state.includeUsage && ended.head !== null
      ? [{ ...ended.head, choices: [], usage: toChatUsage(response.usage) }]
      : [];
  return {
    state: ended,
    chunks: [
      ...begun.chunks,
      ...(calls.length === 0 ? [] : chunk(ended, { tool_calls: calls })),
      ...chunk(ended, {}, toFinishReason(response)),
      ...usage,
    ],
  };
}

/** What is shown beside the text and never held against it. */
function sideChunks(state: ChatStreamState, event: TurnEvent): ChatChunk[] {
  if (event.type === 'response.refusal.delta') return chunk(state, { refusal: event.delta });
  const note = toApprovalNote(event);
  if (note !== null) return chunk(state, {}).map((each) => ({ ...each, turnstone: note }));
  const reasons =
    event.type === 'response.reasoning_text.delta' || event.type === 'response.reasoning_summary_text.delta';
  return reasons ? chunk(state, { reasoning_content: event.delta }) : [];
}

/** One event further. After `ended` is set nothing more comes out. Failed turns are the caller's: it sends the error. */
export function stepChatStream(state: ChatStreamState, event: TurnEvent): ChatStep {
  if (state.ended !== 'no') return { state, chunks: [] };
  switch (event.type) {
    case 'response.created':
    case 'response.queued':
    case 'response.in_progress':
      return begin(state, event.response);
    case 'response.output_text.delta':
      return sendText(state, event.output_index, event.delta);
    case 'turnstone:step.reset':
      return reset(state, event.output_index);
    case 'turnstone:snapshot':
      return catchUp(state, event.response);
    case 'response.completed':
    case 'response.incomplete':
      return finish(state, event.response);
    default:
      return { state, chunks: sideChunks(state, event) };
  }
}

/**
 * The whole answer as one object; the text is the same a stream would have sent.
 * @param waiting said after the text of a turn that has not ended and waits for a person.
 */
export function toChatCompletion(
  response: ResponseResource,
  waiting: ChatWaiting | null = null,
): Record<string, unknown> {
  const messages = response.output.flatMap((item) => (item.type === 'message' ? [item] : []));
  const texts = messages.map((item) =>
    item.content.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
  );
  const content = [...texts, waiting?.text ?? ''].filter((text) => text !== '').join(MESSAGE_GAP);
  const refusal = messages
    .flatMap((item) => item.content.flatMap((part) => (part.type === 'refusal' ? [part.refusal] : [])))
    .join('');
  const reasoning = response.output
    .flatMap((item) => (item.type === 'reasoning' ? [...item.summary, ...item.content].map((part) => part.text) : []))
    .join(MESSAGE_GAP);
  const calls = toChatToolCalls(response.output);
  const message = {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    refusal: refusal === '' ? null : refusal,
    annotations: [],
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    id: toChatId(response.id),
    object: 'chat.completion',
    created: response.created_at,
    model: response.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: toFinishReason(response) }],
    usage: toChatUsage(response.usage),
    service_tier: 'default',
    ...(waiting === null ? {} : { turnstone: waiting.turnstone }),
  };
}
