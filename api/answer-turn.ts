/** How an accepted turn is answered: as an event stream, at once (background), or when it has ended. */
import type { Response } from 'express';
import type { TurnEvent } from '../domain/event.js';
import type { TurnRecord } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import { beginEventStream, toFrame, writeFrames } from './event-stream.js';
import { toAnswerable } from './middleware/render-error.js';
import { callerOf, contextOf } from './request-context.js';
import type { StreamSlots } from './stream-slots.js';
import { reloadResource } from './stored-response.js';
import { readTurn, waitForEnd } from './turn-reader.js';

export interface AnswerDeps extends ApiDeps {
  readonly streamSlots: StreamSlots;
}

/** A revoked key closes its open streams within this time, a draining server ends them a little later. */
const GUARD_MS = 4_000;
/** Past its wall-time limit a turn has this long to close before a waiting caller is answered with what there is. */
const GRACE_MS = 60_000;

/** Aborts when the client goes away, its key stops being valid, or the server drains. Call the returned function at the end. */
function guardConnection(deps: ApiDeps, res: Response, stop: AbortController): () => void {
  const { logger } = contextOf(res);
  const { stillValid } = callerOf(res);
  const closed = (): void => stop.abort();
  const check = async (): Promise<void> => {
    if (deps.isDraining()) {
      stop.abort();
      return;
    }
    if (await stillValid()) return;
    logger.info({}, 'event stream closed: the API key is no longer valid');
    stop.abort();
  };
  const timer = setInterval(() => {
    check().catch((error: unknown) =>
      logger.warn({ err: error }, 'the API key of an open stream could not be checked'),
    );
  }, GUARD_MS);
  res.once('close', closed);
  if (res.destroyed) stop.abort();
  return () => {
    clearInterval(timer);
    res.off('close', closed);
  };
}

/** What a stream says when it cannot go on: the standard's `error` event. The turn itself is not touched. */
function errorFrame(thrown: unknown, requestId: string, sequence: number): string {
  const { code, message, param } = toAnswerable(thrown, requestId);
  const data = { type: 'error', code, message, param: param ?? null, sequence_number: sequence };
  return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Frames of the turn; an error on the way becomes the last frame, because the status line is long gone. */
async function* toFrames(
  events: AsyncIterable<TurnEvent>,
  render: { frame: (event: TurnEvent) => string; error: (thrown: unknown, sequence: number) => string },
  onError: (thrown: unknown) => void,
): AsyncGenerator<string> {
  let next = 0;
  try {
    for await (const event of events) {
      next = event.sequence_number + 1;
      const frame = render.frame(event);
      if (frame !== '') yield frame;
    }
  } catch (thrown) {
    onError(thrown);
    yield render.error(thrown, next);
  }
}

export interface StreamRendering {
  readonly frame: (event: TurnEvent) => string;
  readonly error: (thrown: unknown, sequence: number) => string;
  /** Written after the last event. */
  readonly end?: string;
}

/** Streams a turn in any wire format. The turn goes on when the reader leaves. */
export async function streamTurn(
  deps: AnswerDeps,
  res: Response,
  turnId: string,
  after: number,
  rendering?: StreamRendering,
): Promise<void> {
  const context = contextOf(res);
  const { keyId, scope } = callerOf(res);
  const release = deps.streamSlots.take(keyId);
  const stop = new AbortController();
  const unguard = guardConnection(deps, res, stop);
  const render = rendering ?? {
    frame: toFrame,
    error: (thrown, sequence) => errorFrame(thrown, context.requestId, sequence),
  };
  deps.metrics.streamOpened();
  try {
    beginEventStream(res);
    const events = readTurn(deps, { scope, turnId, after, signal: stop.signal });
    const frames = toFrames(events, render, (err) => context.logger.error({ err, turnId }, 'an event stream broke'));
    const delivered = await writeFrames(res, frames);
    if (delivered) res.end(render.end ?? '');
  } finally {
    unguard();
    release();
    stop.abort();
    deps.metrics.streamClosed();
  }
}

/** Waits for the end of a turn, as long as its limits allow and the client stays. @returns false: the client is gone. */
export async function awaitTurn(deps: ApiDeps, res: Response, turn: TurnRecord): Promise<boolean> {
  const gone = new AbortController();
  const closed = (): void => gone.abort();
  res.once('close', closed);
  const patience = AbortSignal.timeout(turn.settings.limits.maxWallTimeMs + GRACE_MS);
  try {
    await waitForEnd(deps, {
      scope: callerOf(res).scope,
      turnId: turn.id,
      after: -1,
      signal: AbortSignal.any([gone.signal, patience]),
    });
    return !gone.signal.aborted;
  } finally {
    res.off('close', closed);
  }
}

/**
 * A failed turn is answered with 200 and `status: "failed"`, like a background response that is fetched: the request was
 * accepted and stored, and its `error` says what went wrong.
 */
export async function answerTurn(
  deps: AnswerDeps,
  res: Response,
  turn: TurnRecord,
  how: { stream: boolean; background: boolean },
): Promise<void> {
  if (how.stream) {
    await streamTurn(deps, res, turn.id, -1);
    return;
  }
  if (!how.background && !(await awaitTurn(deps, res, turn))) return;
  res.json(await reloadResource(deps, callerOf(res).scope, turn.id));
}
