/** What the two wires have in common: how one answer is read, and how a failure of it is worded. */
import type { Failure, FailureCode, FailureOptions } from '../../domain/failures.js';
import type { ModelChunk } from '../../domain/ports/model.js';

/** A failure that names provider and model; `why` says what went wrong, without secrets. */
export type FailWith = (code: FailureCode, why: string, options?: FailureOptions) => Failure;

/** Turns an error object found inside a stream into a failure. */
export type ClassifyInBand = (body: unknown) => Failure;

export interface WireContext {
  readonly fail: FailWith;
  readonly classify: ClassifyInBand;
}

/**
 * `open`: the answer goes on. `answered`: the provider has said why it stopped, only token counts may follow.
 * `complete`: nothing that follows matters.
 */
export type WireState = 'open' | 'answered' | 'complete';

/** The state machine over one answer: events in, chunks out. */
export interface WireReader {
  state(): WireState;
  /** One parsed event. Unknown ones give no chunks. @throws a failure the provider reports inside the stream. */
  push(event: unknown): readonly ModelChunk[];
  /**
   * The stream is over: by its own end marker (`marker`) or because the connection was closed.
   * @returns the last chunks, `finish` last. @throws `model.stream-cut`, `model.invalid-reply`.
   */
  end(how: 'marker' | 'closed'): readonly ModelChunk[];
}

/** A body as it is read, with the types it has (the platform's own are looser). */
export interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export function byteReader(response: Response): ByteReader | null {
  return response.body === null ? null : (response.body.getReader() as ByteReader);
}

export function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Not JSON is one of the two answers here, not a failure.
    return false;
  }
}

/** Providers wrap single objects in a list (Gemini's errors): the first element stands for it. */
export function unwrapList(event: unknown): unknown {
  return Array.isArray(event) ? (event as readonly unknown[])[0] : event;
}
