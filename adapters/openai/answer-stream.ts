/** One model call: send the request, read the answer under timers and bounds, classify what goes wrong. No retries. */
import OpenAI from 'openai';
import type { Failure } from '../../domain/failures.js';
import { isFailure } from '../../domain/failures.js';
import type { ModelChunk, ModelRequest } from '../../domain/ports/model.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { createCallGuard } from './call-guard.js';
import type { CallGuard } from './call-guard.js';
import { createChatReader } from './chat-stream.js';
import { classifyError, modelFailure } from './classify-error.js';
import type { ErrorSubject } from './classify-error.js';
import { createEventParser } from './event-parser.js';
import { systemCode } from './network-error.js';
import { secretsOf } from './provider-endpoint.js';
import type { ProviderHttp } from './provider-http.js';
import { createResponsesReader } from './responses-stream.js';
import { vendorText } from './vendor-text.js';
import { byteReader } from './wire-reader.js';
import type { ByteReader, FailWith, WireContext, WireReader } from './wire-reader.js';

/** No answer of a model is this long; what is, is a server that does not stop. In characters of content. */
const MAX_ANSWER_CHARS = 32 * 1024 * 1024;
/** Token counts follow the finish reason at once or not at all: a server that keeps the socket open is not waited for. */
const AFTER_FINISH_MS = 2_000;
/** How long a finished answer may take to end its body, so that the connection can be used again. */
const DRAIN_MS = 1_000;

export interface ModelCall {
  readonly settings: ProviderSettings;
  readonly http: ProviderHttp;
  /** Name at the provider, without the provider's own name. */
  readonly model: string;
}

interface OpenCall {
  readonly guard: CallGuard;
  readonly subject: ErrorSubject;
  readonly fail: FailWith;
  readonly settings: ProviderSettings;
}

/**
 * @param signal aborting it closes the socket at once.
 * @throws failures with `model.*` codes, or `turn.cancelled`. Ending the iteration early closes the socket.
 */
export async function* streamAnswer(
  { settings, http, model }: ModelCall,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelChunk> {
  const subject = { provider: settings.name, model, secrets: secretsOf(settings) };
  const fail: FailWith = (code, why, options) => modelFailure(subject, code, why, options);
  const guard = createCallGuard(signal);
  const call: OpenCall = { guard, subject, fail, settings };
  let finished = false;
  try {
    const response = await open(call, () => http.post(request, model, guard.signal));
    const classify = (body: unknown): Failure => classifyError({ status: null, headers: {}, body }, subject);
    const context: WireContext = { fail, classify };
    const reader = settings.wire === 'responses' ? createResponsesReader(context) : createChatReader(context);
    yield* readAnswer(call, response, reader);
    finished = true;
  } finally {
    guard.release();
    if (!finished) guard.close();
  }
}

async function open({ guard, subject, fail, settings }: OpenCall, post: () => Promise<Response>): Promise<Response> {
  const seconds = settings.first_byte_timeout_ms / 1000;
  guard.expectWithin(settings.first_byte_timeout_ms, () =>
    fail('model.timeout', `nothing arrived within ${seconds} s`),
  );
  const ended = guard.reason();
  if (ended !== null) throw ended;
  try {
    const response = await post();
    const type = response.headers.get('content-type') ?? '';
    if (!type.includes('text/html')) return response;
    throw fail('model.invalid-reply', 'it answered with an HTML page instead of an event stream');
  } catch (error) {
    throw guard.reason() ?? toModelFailure(error, subject, fail);
  }
}

function toModelFailure(error: unknown, subject: ErrorSubject, fail: FailWith): Failure {
  if (isFailure(error)) return error;
  if (error instanceof OpenAI.APIConnectionTimeoutError)
    return fail('model.timeout', 'it did not accept the connection in time');
  if (error instanceof OpenAI.APIError && typeof error.status === 'number') {
    const headers = error.headers instanceof Headers ? Object.fromEntries(error.headers.entries()) : {};
    // Bodies that are not JSON are only in the message, behind the status.
    const body: unknown =
      error.error === undefined ? error.message.replace(/^\d{3} /, '') : { error: error.error as unknown };
    return classifyError({ status: error.status, headers, body }, subject);
  }
  return classifyError({ status: null, headers: {}, body: undefined, networkError: error }, subject);
}

async function* readAnswer(call: OpenCall, response: Response, reader: WireReader): AsyncGenerator<ModelChunk> {
  const { guard, fail, settings } = call;
  const body = byteReader(response);
  if (body === null) throw fail('model.invalid-reply', 'it sent an answer without a body');
  const feed = createFeed(call, reader, isPlainJson(response));
  const idle = (): Failure => fail('model.timeout', `the answer stood still for ${settings.idle_timeout_ms / 1000} s`);
  for (;;) {
    const packet = await readPacket(call, body, reader);
    guard.pause();
    const batch = packet === null ? feed.end() : feed.push(packet);
    yield* mergeDeltas(batch.chunks);
    if (batch.error !== undefined) throw batch.error;
    if (batch.over) break;
    guard.expectWithin(
      reader.state() === 'answered' ? Math.min(AFTER_FINISH_MS, settings.idle_timeout_ms) : settings.idle_timeout_ms,
      idle,
    );
  }
  guard.release();
  void drain(body, guard);
}

/**
 * Any bytes count as a sign of life, comments too: gateways send them while the model behind them thinks.
 * Null at the end of the stream, and where the connection breaks after the provider has said why it stopped.
 */
async function readPacket({ guard, fail }: OpenCall, body: ByteReader, reader: WireReader): Promise<Uint8Array | null> {
  try {
    const { done, value } = await body.read();
    return done || value === undefined ? null : value;
  } catch (error) {
    const ended = guard.reason();
    if (reader.state() === 'answered' && !guard.cancelled()) return null;
    if (ended !== null) throw ended;
    throw fail(
      'model.stream-cut',
      `the connection broke in the middle of the answer (${systemCode(error) ?? 'closed'})`,
    );
  }
}

interface Batch {
  readonly chunks: readonly ModelChunk[];
  readonly over: boolean;
  /** Thrown after the chunks before it have been passed on. */
  readonly error?: Failure;
}

interface Feed {
  push(packet: Uint8Array): Batch;
  end(): Batch;
}

/** Bytes -> text -> events -> chunks, synchronous. Characters split over packets are put together by the decoder. */
function createFeed(call: OpenCall, reader: WireReader, plainJson: boolean): Feed {
  const decoder = new TextDecoder();
  const parser = createEventParser(call.fail);
  let answerChars = 0;

  function take(events: () => readonly string[], ended: boolean): Batch {
    const chunks: ModelChunk[] = [];
    try {
      for (const data of events()) {
        const marker = data.trim() === '[DONE]';
        if (!marker) add(reader.push(parseEvent(call, data, ended)));
        if (!marker && reader.state() !== 'complete') continue;
        chunks.push(...reader.end('marker'));
        return { chunks, over: true };
      }
      if (ended) chunks.push(...reader.end('closed'));
      return { chunks, over: ended };
    } catch (error) {
      if (!isFailure(error)) throw error;
      return { chunks, over: true, error };
    }

    function add(more: readonly ModelChunk[]): void {
      for (const chunk of more) {
        answerChars += 'text' in chunk ? chunk.text.length : 'arguments' in chunk ? chunk.arguments.length : 0;
        chunks.push(chunk);
      }
      if (answerChars > MAX_ANSWER_CHARS)
        throw call.fail('model.invalid-reply', `its answer is longer than ${MAX_ANSWER_CHARS} characters`);
    }
  }

  // A reply that was not streamed is one event that ends with the body; framed, it takes the same road and bounds.
  let frame = plainJson ? 'data: ' : '';
  const unframed = (text: string): string => (plainJson ? text.replace(/[\r\n]+/g, ' ') : text);
  return {
    push(packet) {
      const text = frame + unframed(decoder.decode(packet, { stream: true }));
      frame = '';
      return take(() => parser.push(text), false);
    },
    end: () => take(() => [...parser.push(decoder.decode()), ...parser.end()], true),
  };
}

function parseEvent({ fail, subject }: OpenCall, data: string, ended: boolean): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    // Half an event at the end of the stream was cut; in the middle of it, it is garbage.
    if (ended) throw fail('model.stream-cut', 'the connection closed in the middle of an event');
    throw fail(
      'model.invalid-reply',
      `it sent an event that is not JSON: ${vendorText(data.slice(0, 200), subject.secrets)}`,
    );
  }
}

function isPlainJson(response: Response): boolean {
  return /^application\/(?:[\w.+-]*\+)?json/i.test(response.headers.get('content-type') ?? '');
}

/** What arrived in one packet is passed on in as few chunks as it makes: neighbours of one kind become one. */
function mergeDeltas(chunks: readonly ModelChunk[]): ModelChunk[] {
  const merged: ModelChunk[] = [];
  for (const chunk of chunks) {
    const last = merged.at(-1);
    if (last !== undefined && 'text' in last && 'text' in chunk && last.type === chunk.type) {
      merged[merged.length - 1] = { type: last.type, text: last.text + chunk.text };
    } else if (last?.type === 'tool-call-delta' && chunk.type === 'tool-call-delta' && last.index === chunk.index) {
      merged[merged.length - 1] = { ...last, arguments: last.arguments + chunk.arguments };
    } else {
      merged.push(chunk);
    }
  }
  return merged;
}

/** Read the last bytes of a finished answer, else its connection could not be used again. The answer is already out. */
async function drain(body: ByteReader, guard: CallGuard): Promise<void> {
  const timer = setTimeout(() => guard.close(), DRAIN_MS);
  timer.unref();
  try {
    for (let reads = 0; reads < 16; reads += 1) if ((await body.read()).done) return;
    guard.close();
  } catch {
    // The connection broke after the answer was whole: there is nothing left to lose.
  } finally {
    clearTimeout(timer);
  }
}
