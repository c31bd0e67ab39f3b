/**
 * The responses wire, provider to us: events of /responses -> ModelChunks.
 *
 * An answer is whole when its terminal event came; whatever else ends the stream has cut it. Providers that send an item
 * only when it is done, or only the whole response at the end, are read as well: what was not streamed is taken from there.
 */
import { z } from 'zod';
import type { FinishReason, ModelChunk } from '../../domain/ports/model.js';
import type { TokenUsage } from '../../domain/pricing.js';
import { createToolCallAssembler } from './tool-call-assembler.js';
import type { ToolCallAssembler } from './tool-call-assembler.js';
import { unwrapList } from './wire-reader.js';
import type { FailWith, WireContext, WireReader, WireState } from './wire-reader.js';
import { toTokenUsage } from './wire-usage.js';

const text = z.string().nullish().catch(null);
const position = z.int().min(0).nullish().catch(null);
const itemSchema = z.object({
  type: text,
  id: text,
  call_id: text,
  name: text,
  arguments: text,
  content: z
    .array(z.object({ type: text, text, refusal: text }))
    .nullish()
    .catch(null),
  summary: z.array(z.object({ text })).nullish().catch(null),
});
type WireItem = z.infer<typeof itemSchema>;
const responseSchema = z.object({
  status: text,
  error: z.unknown().optional(),
  incomplete_details: z.object({ reason: text }).nullish().catch(null),
  output: z.array(itemSchema).nullish().catch(null),
  usage: z.unknown().optional(),
});
type WireResponse = z.infer<typeof responseSchema>;
const eventSchema = z.object({
  type: text,
  /** Only in a reply that was not streamed: the response object itself. */
  object: text,
  delta: text,
  arguments: text,
  output_index: position,
  summary_index: position,
  item: itemSchema.nullish().catch(null),
  response: responseSchema.nullish().catch(null),
});
type WireEvent = z.infer<typeof eventSchema>;

const TEXT_DELTAS = {
  'response.output_text.delta': 'text-delta',
  'response.refusal.delta': 'refusal-delta',
  'response.reasoning_text.delta': 'reasoning-delta',
  'response.reasoning_summary_text.delta': 'reasoning-summary-delta',
} as const;

function isTextDelta(type: string): type is keyof typeof TEXT_DELTAS {
  return Object.hasOwn(TEXT_DELTAS, type);
}

/** Reads one answer of the responses wire. */
export function createResponsesReader({ fail, classify }: WireContext): WireReader {
  const items = createItemReader(fail);
  let ending: WireResponse | null = null;
  let usage: TokenUsage | null = null;
  let said = false;

  function push(event: unknown): readonly ModelChunk[] {
    const plain = unwrapList(event);
    const parsed = eventSchema.safeParse(plain);
    if (!parsed.success) return [];
    const reported = reportedError(parsed.data, plain);
    if (reported !== undefined) throw classify(reported);
    const response = endingOf(parsed.data, plain);
    const chunks = response === null ? items.read(parsed.data) : items.finishAll(response.output ?? []);
    if (response !== null) {
      ending = response;
      usage = toTokenUsage(response.usage);
    }
    said ||= chunks.length > 0;
    return chunks;
  }

  function end(): readonly ModelChunk[] {
    if (ending === null) throw fail('model.stream-cut', 'the stream ended before the answer did');
    const reason = toFinishReason(ending, items.calls.count());
    const counted = usage !== null && usage.outputTokens > 0;
    if (!said && reason === 'stop' && !counted) throw fail('model.invalid-reply', 'it sent an empty answer');
    const rest: ModelChunk[] = items.calls.finish();
    if (usage !== null) rest.push({ type: 'usage', usage });
    return [...rest, { type: 'finish', reason }];
  }

  const state = (): WireState => (ending === null ? 'open' : 'complete');
  return { state, push, end };
}

/** `undefined` when the event reports no error. */
function reportedError(event: WireEvent, plain: unknown): unknown {
  if (event.type === 'response.failed') return { error: event.response?.error };
  const whole = event.object === 'response' ? responseSchema.parse(plain) : event.response;
  if (whole?.status === 'failed') return { error: whole.error };
  const mayReport = event.type === 'error' || (event.object !== 'response' && !event.type);
  return mayReport && namesError(plain) ? plain : undefined;
}

function namesError(plain: unknown): boolean {
  return typeof plain === 'object' && plain !== null && ('error' in plain || 'message' in plain);
}

/** The response as it is when the answer is over; null for every event before that. */
function endingOf(event: WireEvent, plain: unknown): WireResponse | null {
  if (event.object === 'response') return responseSchema.parse(plain);
  const over = event.type === 'response.completed' || event.type === 'response.incomplete';
  return over ? (event.response ?? responseSchema.parse({})) : null;
}

interface ItemReader {
  readonly calls: ToolCallAssembler;
  read(event: WireEvent): ModelChunk[];
  /** Whole items: what was streamed before adds nothing. */
  finishAll(items: readonly WireItem[]): ModelChunk[];
}

function createItemReader(fail: FailWith): ItemReader {
  const calls = createToolCallAssembler(fail);
  /** Items of which content was streamed: their final form adds nothing. */
  const streamed = new Set<number>();

  /** Arguments that came whole, with the item or at its end, are sent on once. */
  function pushCall(index: number, item: WireItem): ModelChunk[] {
    const args = item.arguments ?? '';
    if (args !== '') streamed.add(index);
    return calls.push({ position: index, id: item.call_id ?? item.id ?? '', name: item.name ?? '', arguments: args });
  }

  function finishItem(index: number, item: WireItem): ModelChunk[] {
    if (streamed.has(index)) return [];
    streamed.add(index);
    if (item.type === 'function_call') return pushCall(index, item);
    return item.type === 'message' || item.type === 'reasoning' ? readWholeItem(item) : [];
  }

  function read(event: WireEvent): ModelChunk[] {
    const index = event.output_index ?? 0;
    const type = event.type ?? '';
    if (isTextDelta(type)) {
      streamed.add(index);
      return event.delta ? [{ type: TEXT_DELTAS[type], text: event.delta }] : [];
    }
    if (type === 'response.reasoning_summary_part.added') {
      return (event.summary_index ?? 0) > 0 ? [{ type: 'reasoning-summary-delta', text: '\n\n' }] : [];
    }
    if (event.item) return readItemEvent(type, index, event.item);
    return type.startsWith('response.function_call_arguments.') ? readArguments(index, event) : [];
  }

  function readItemEvent(type: string, index: number, item: WireItem): ModelChunk[] {
    if (type === 'response.output_item.done') return finishItem(index, item);
    return type === 'response.output_item.added' && item.type === 'function_call' ? pushCall(index, item) : [];
  }

  /** `.delta` brings a piece; `.done` brings them all, for providers that sent none. */
  function readArguments(index: number, event: WireEvent): ModelChunk[] {
    if (event.type === 'response.function_call_arguments.delta')
      return pushCall(index, { ...EMPTY_CALL, arguments: event.delta });
    return streamed.has(index) ? [] : pushCall(index, { ...EMPTY_CALL, arguments: event.arguments });
  }

  return { calls, read, finishAll: (items) => items.flatMap((item, index) => finishItem(index, item)) };
}

const EMPTY_CALL: WireItem = {
  type: 'function_call',
  id: null,
  call_id: null,
  name: null,
  arguments: null,
  content: null,
  summary: null,
};

function toFinishReason(response: WireResponse, calls: number): FinishReason {
  if (response.incomplete_details?.reason === 'content_filter') return 'content_filter';
  if (response.incomplete_details?.reason || response.status === 'incomplete') return 'length';
  return calls > 0 ? 'tool_calls' : 'stop';
}

function readWholeItem(item: WireItem): ModelChunk[] {
  const chunks: ModelChunk[] = [];
  for (const part of item.summary ?? [])
    if (part.text) chunks.push({ type: 'reasoning-summary-delta', text: part.text });
  for (const part of item.content ?? []) {
    if (part.refusal) chunks.push({ type: 'refusal-delta', text: part.refusal });
    if (!part.text) continue;
    chunks.push({ type: part.type === 'reasoning_text' ? 'reasoning-delta' : 'text-delta', text: part.text });
  }
  return chunks;
}
