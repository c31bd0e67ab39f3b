/** What a fake provider is told to answer. All of it is JSON, so that it can be sent to a provider in another process. */

export interface FakeToolCall {
  readonly name: string;
  /** An object is written as JSON; a string goes out as it is, whole JSON or not. */
  readonly arguments: string | object;
  readonly id?: string;
}

export interface FakeUsage {
  readonly input?: number;
  readonly output?: number;
  readonly cached?: number;
  readonly reasoning?: number;
}

/**
 * A place in the answer. `mid-event` is half of a text event's bytes; `before-usage` is after the finish reason; on the
 * responses wire both come in one last event, so there it equals `before-finish`.
 */
export type FakePlace = 'first-byte' | 'mid-text' | 'mid-event' | 'mid-tool' | 'before-finish' | 'before-usage';

export interface FakeAnswer {
  readonly kind: 'answer';
  readonly text?: string;
  readonly reasoning?: string;
  /** Responses wire: the reasoning as a summary; chat wire: in the field `reasoning` instead of `reasoning_content`. */
  readonly reasoningAs?: 'text' | 'other';
  readonly refusal?: string;
  readonly toolCalls?: readonly FakeToolCall[];
  /** Chat wire's word for it; null sends none. By default `tool_calls` or `stop`. */
  readonly finishReason?: string | null;
  /** Counts, or `none`. By default estimated from lengths. */
  readonly usage?: FakeUsage | 'none';
  /** Characters per delta; 0 sends each text and each argument in one. Default 16. */
  readonly chunkSize?: number;
  /** Time between deltas. 0 (the default) writes everything at once. */
  readonly delayMs?: number;
  readonly firstByteDelayMs?: number;
  /** Destroy the socket there. */
  readonly cut?: FakePlace;
  /** Send nothing more from there, with the socket open. */
  readonly stall?: FakePlace;
  /** End the body there in good order, as a proxy does whose upstream died. */
  readonly endAt?: FakePlace;
  /** Send the `[DONE]` marker of the chat wire. Default true. */
  readonly done?: boolean;
  /** Write the bytes of the stream in packets of this size, in the middle of characters if need be. */
  readonly packetBytes?: number;
}

export interface FakeError {
  readonly kind: 'error';
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes out as JSON, a string as it is. */
  readonly body?: unknown;
}

/** Any status 200 body, byte for byte: frames no answer has, in-band errors, garbage, floods. */
export interface FakeRaw {
  readonly kind: 'raw';
  readonly contentType?: string;
  /** Written one after the other. */
  readonly parts: readonly string[];
  /** Write each part this often. */
  readonly repeat?: number;
  /** After the parts: end in good order (default), destroy the socket, or keep it open in silence. */
  readonly then?: 'end' | 'cut' | 'stall';
}

/** Take the request and answer nothing. */
export interface FakeHang {
  readonly kind: 'hang';
}

export type FakeReply = FakeAnswer | FakeError | FakeRaw | FakeHang;

export function answer(parts: Omit<FakeAnswer, 'kind'> = {}): FakeAnswer {
  return { kind: 'answer', ...parts };
}

export function answerText(text: string, parts: Omit<FakeAnswer, 'kind' | 'text'> = {}): FakeAnswer {
  return { kind: 'answer', text, ...parts };
}

export function callTools(...toolCalls: readonly FakeToolCall[]): FakeAnswer {
  return { kind: 'answer', toolCalls };
}

/** @param message becomes an error body of the OpenAI shape; anything but a string goes out as it is. */
export function errorReply(
  status: number,
  message: unknown,
  headers: Readonly<Record<string, string>> = {},
): FakeError {
  const body = typeof message === 'string' ? { error: { message, type: 'error', param: null, code: null } } : message;
  return { kind: 'error', status, body, headers };
}

/** Server-sent events with these payloads; objects become JSON. */
export function rawEvents(payloads: readonly unknown[], then: NonNullable<FakeRaw['then']> = 'end'): FakeRaw {
  const parts = payloads.map(
    (payload) => `data: ${typeof payload === 'string' ? payload : JSON.stringify(payload)}\n\n`,
  );
  return { kind: 'raw', parts, then };
}

export function hang(): FakeHang {
  return { kind: 'hang' };
}

// ---- shared by the two wires --------------------------------------------------------------------------------------

/** One event of a stream, and what it belongs to, so that places in the answer can be found. */
export interface FakeFrame {
  readonly kind: 'start' | 'reasoning' | 'text' | 'tool' | 'finish' | 'usage' | 'end';
  readonly sse: string;
}

export interface FakeCounts {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

const CHARS_PER_TOKEN = 4;

export function countsOf(reply: FakeAnswer, requestChars: number): FakeCounts | null {
  if (reply.usage === 'none') return null;
  const said = [reply.text, reply.refusal, reply.reasoning].join('');
  const called = (reply.toolCalls ?? []).map((call) => call.name + argumentsText(call)).join('');
  const estimated = {
    input: tokensOf(requestChars),
    output: tokensOf(said.length + called.length),
    cached: 0,
    reasoning: reply.reasoning === undefined ? 0 : tokensOf(reply.reasoning.length),
  };
  return { ...estimated, ...reply.usage };
}

function tokensOf(chars: number): number {
  return Math.max(1, Math.ceil(chars / CHARS_PER_TOKEN));
}

export function argumentsText(call: FakeToolCall): string {
  return typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments);
}

/** Pieces of a text by characters, whole code points. */
export function pieces(text: string | undefined, chunkSize = 16): readonly string[] {
  if (text === undefined || text === '') return [];
  if (chunkSize === 0 || text.length <= chunkSize) return [text];
  const points = Array.from(text);
  const result: string[] = [];
  for (let from = 0; from < points.length; from += chunkSize)
    result.push(points.slice(from, from + chunkSize).join(''));
  return result;
}
