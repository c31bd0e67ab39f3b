/** The fake provider's answers on the chat completions wire: the frames a real provider streams, and the plain object. */
import { argumentsText, countsOf, pieces } from './fake-provider-script.js';
import type { FakeAnswer, FakeCounts, FakeFrame } from './fake-provider-script.js';

export interface FakeWireRequest {
  readonly model: string;
  /** `stream_options.include_usage`. */
  readonly includeUsage: boolean;
  readonly bodyChars: number;
  readonly number: number;
}

export function chatFrames(reply: FakeAnswer, request: FakeWireRequest): FakeFrame[] {
  const frames: FakeFrame[] = [];
  const add = (kind: FakeFrame['kind'], delta: object, rest: object = {}): void => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: null, ...rest }];
    frames.push(frame(kind, { ...envelope(request, 'chat.completion.chunk'), choices }));
  };
  add('start', { role: 'assistant', content: '', refusal: null });
  const reasoningField = reply.reasoningAs === 'other' ? 'reasoning' : 'reasoning_content';
  for (const piece of pieces(reply.reasoning, reply.chunkSize)) add('reasoning', { [reasoningField]: piece });
  for (const piece of pieces(reply.text, reply.chunkSize)) add('text', { content: piece });
  for (const piece of pieces(reply.refusal, reply.chunkSize)) add('text', { refusal: piece });
  for (const part of toolCallParts(reply, request)) add('tool', { tool_calls: [part] });
  const reason = finishReason(reply);
  if (reason !== null) add('finish', {}, { finish_reason: reason });
  const counts = request.includeUsage ? countsOf(reply, request.bodyChars) : null;
  if (counts !== null) {
    frames.push(
      frame('usage', { ...envelope(request, 'chat.completion.chunk'), choices: [], usage: chatUsage(counts) }),
    );
  }
  if (reply.done !== false) frames.push({ kind: 'end', sse: 'data: [DONE]\n\n' });
  return frames;
}

function frame(kind: FakeFrame['kind'], chunk: object): FakeFrame {
  return { kind, sse: `data: ${JSON.stringify(chunk)}\n\n` };
}

/** Calls as they are streamed: id and name first, then the arguments in pieces. */
function toolCallParts(reply: FakeAnswer, request: FakeWireRequest): readonly object[] {
  return (reply.toolCalls ?? []).flatMap((call, index) => {
    const id = call.id ?? `call_${request.number}_${index}`;
    return [
      { index, id, type: 'function', function: { name: call.name, arguments: '' } },
      ...pieces(argumentsText(call), reply.chunkSize).map((piece) => ({ index, function: { arguments: piece } })),
    ];
  });
}

export function chatObject(reply: FakeAnswer, request: FakeWireRequest): object {
  const calls = (reply.toolCalls ?? []).map((call, index) => ({
    id: call.id ?? `call_${request.number}_${index}`,
    type: 'function',
    function: { name: call.name, arguments: argumentsText(call) },
  }));
  const message = {
    role: 'assistant',
    content: reply.text ?? null,
    refusal: reply.refusal ?? null,
    ...(reply.reasoning === undefined ? {} : { reasoning_content: reply.reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  const counts = countsOf(reply, request.bodyChars);
  return {
    ...envelope(request, 'chat.completion'),
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason(reply) }],
    ...(counts === null ? {} : { usage: chatUsage(counts) }),
  };
}

function finishReason(reply: FakeAnswer): string | null {
  if (reply.finishReason !== undefined) return reply.finishReason;
  return (reply.toolCalls ?? []).length > 0 ? 'tool_calls' : 'stop';
}

function envelope(request: FakeWireRequest, object: string): object {
  return {
    id: `chatcmpl-${request.number}`,
    object,
    created: 1_760_000_000,
    model: request.model,
    system_fingerprint: 'fp_fake',
  };
}

function chatUsage(counts: FakeCounts): object {
  return {
    prompt_tokens: counts.input,
    completion_tokens: counts.output,
    total_tokens: counts.input + counts.output,
    prompt_tokens_details: { cached_tokens: counts.cached },
    completion_tokens_details: { reasoning_tokens: counts.reasoning },
  };
}
