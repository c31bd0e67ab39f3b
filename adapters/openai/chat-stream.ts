/**
 * The chat completions wire, provider to us: chunks of /chat/completions -> ModelChunks.
 *
 * How an answer ends, since providers differ:
 * - with a finish reason: it is whole, whether or not token counts or the `[DONE]` marker follow;
 * - with `[DONE]` and no finish reason: it is whole when something was said and every tool call's JSON is whole;
 * - with a closed connection and no finish reason: it was cut, and so is a tool call that ends in half a JSON;
 * - with nothing said and no output counted: it is unreadable, not an empty answer. A model that counted output tokens
 *   and said nothing chose to say nothing.
 */
import { z } from 'zod';
import type { FinishReason, ModelChunk } from '../../domain/ports/model.js';
import type { TokenUsage } from '../../domain/pricing.js';
import { createToolCallAssembler } from './tool-call-assembler.js';
import type { ToolCallAssembler } from './tool-call-assembler.js';
import { unwrapList } from './wire-reader.js';
import type { WireContext, WireReader, WireState } from './wire-reader.js';
import { toTokenUsage } from './wire-usage.js';

const text = z.string().nullish().catch(null);
const functionDelta = z
  .object({
    name: text,
    arguments: z
      .union([z.string(), z.record(z.string(), z.unknown())])
      .nullish()
      .catch(null),
  })
  .nullish()
  .catch(null);
const toolCallDelta = z.object({ index: z.int().min(0).nullish().catch(null), id: text, function: functionDelta });
/** Mistral sends content as parts, thinking among them. */
const contentPart = z.object({
  type: text,
  text,
  thinking: z
    .union([z.string(), z.array(z.object({ text }))])
    .nullish()
    .catch(null),
});
const delta = z
  .object({
    content: z
      .union([z.string(), z.array(contentPart)])
      .nullish()
      .catch(null),
    refusal: text,
    reasoning_content: text,
    reasoning: text,
    tool_calls: z.array(toolCallDelta).nullish().catch(null),
    function_call: functionDelta,
  })
  .nullish()
  .catch(null);
const chunkSchema = z.object({
  choices: z
    .array(z.object({ index: z.int().nullish().catch(null), delta, message: delta, finish_reason: text }))
    .nullish()
    .catch(null),
  usage: z.unknown().optional(),
  error: z.unknown().optional(),
  x_groq: z.object({ usage: z.unknown().optional() }).nullish().catch(null),
});
type ChatDelta = NonNullable<z.infer<typeof delta>>;

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  length: 'length',
  max_tokens: 'length',
  tool_calls: 'tool_calls',
  tool_use: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  safety: 'content_filter',
};

/** Reasons by which some gateways say that the answer broke off. */
const BROKEN_REASONS = new Set(['error', 'abort', 'network_error']);

/** Reads one chat completions answer. A reply that was not streamed (`message` in place of `delta`) is read the same. */
export function createChatReader({ fail, classify }: WireContext): WireReader {
  const calls = createToolCallAssembler(fail);
  let finishReason: string | null = null;
  let usage: TokenUsage | null = null;
  let said = false;
  let state: WireState = 'open';

  function push(event: unknown): readonly ModelChunk[] {
    const parsed = chunkSchema.safeParse(unwrapList(event));
    if (!parsed.success) return [];
    const { error } = parsed.data;
    if (error !== undefined && error !== null) throw classify({ error });
    usage = usageOf(parsed.data) ?? usage;
    const choice = parsed.data.choices?.find((entry) => (entry.index ?? 0) === 0);
    if (choice === undefined) return [];
    const chunks = readDelta(choice.delta ?? choice.message, calls);
    said ||= chunks.length > 0;
    noteReason(choice.finish_reason ?? '');
    return chunks;
  }

  function noteReason(reason: string): void {
    if (reason === '') return;
    if (BROKEN_REASONS.has(reason))
      throw fail('model.stream-cut', `it broke off its answer (finish reason "${reason}")`);
    finishReason = reason;
    state = 'answered';
  }

  function end(how: 'marker' | 'closed'): readonly ModelChunk[] {
    if (finishReason === null && how === 'closed')
      throw fail('model.stream-cut', 'the connection closed in the middle of the answer');
    if (finishReason === null && !calls.whole())
      throw fail('model.stream-cut', 'the answer ended in the middle of a tool call');
    const reason = toFinishReason(finishReason, calls.count());
    const counted = usage !== null && usage.outputTokens > 0;
    if (!said && calls.count() === 0 && reason === 'stop' && !counted)
      throw fail('model.invalid-reply', 'it sent an empty answer');
    state = 'complete';
    const rest: ModelChunk[] = calls.finish();
    if (usage !== null) rest.push({ type: 'usage', usage });
    return [...rest, { type: 'finish', reason }];
  }

  return { state: () => state, push, end };
}

/** A tool call ends a step whatever the provider calls it; a length or filter stop is never hidden behind one. */
function toFinishReason(reason: string | null, calls: number): FinishReason {
  const known = FINISH_REASONS[reason?.toLowerCase() ?? ''] ?? 'stop';
  if (known === 'length' || known === 'content_filter') return known;
  return calls > 0 ? 'tool_calls' : 'stop';
}

function usageOf({ usage, x_groq }: z.infer<typeof chunkSchema>): TokenUsage | null {
  return toTokenUsage(usage) ?? toTokenUsage(x_groq?.usage);
}

function readDelta(part: ChatDelta | null | undefined, calls: ToolCallAssembler): ModelChunk[] {
  if (part === null || part === undefined) return [];
  const chunks: ModelChunk[] = [];
  // Some servers send the same text under both names while clients move from one to the other.
  const reasoning = part.reasoning_content ?? part.reasoning;
  if (reasoning) chunks.push({ type: 'reasoning-delta', text: reasoning });
  chunks.push(...readContent(part.content));
  if (part.refusal) chunks.push({ type: 'refusal-delta', text: part.refusal });
  return [...chunks, ...readCalls(part, calls)];
}

function readCalls(part: ChatDelta, calls: ToolCallAssembler): ModelChunk[] {
  const chunks = (part.tool_calls ?? []).flatMap((call) =>
    pushCall(calls, call.function, call.index ?? null, call.id ?? ''),
  );
  // The form before tool calls: one call, without id.
  return part.function_call ? [...chunks, ...pushCall(calls, part.function_call, 0, '')] : chunks;
}

function pushCall(
  calls: ToolCallAssembler,
  named: z.infer<typeof functionDelta>,
  position: number | null,
  id: string,
): ModelChunk[] {
  const args = named?.arguments ?? '';
  return calls.push({
    position,
    id,
    name: named?.name ?? '',
    arguments: typeof args === 'string' ? args : JSON.stringify(args),
  });
}

function readContent(content: ChatDelta['content']): ModelChunk[] {
  if (content === null || content === undefined || content === '') return [];
  if (typeof content === 'string') return [{ type: 'text-delta', text: content }];
  const chunks: ModelChunk[] = [];
  for (const part of content) {
    const thinking =
      typeof part.thinking === 'string'
        ? part.thinking
        : (part.thinking ?? []).map((piece) => piece.text ?? '').join('');
    if (thinking !== '') chunks.push({ type: 'reasoning-delta', text: thinking });
    if (typeof part.text === 'string' && part.text !== '') chunks.push({ type: 'text-delta', text: part.text });
  }
  return chunks;
}
