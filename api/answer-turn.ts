/** How an accepted turn is answered: as an event stream, at once (background), or when it has ended. */
import type { Response } from 'express';
import type { TurnEvent } from '../domain/event.js';
import { MAX_QUEUED_TURNS } from '../domain/steer.js';
import type { TurnRecord } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import { guardConnection, keyEnded } from './connection-guard.js';
import type { ConnectionGuard } from './connection-guard.js';
import { beginEventStream, toFrame, writeFrames } from './event-stream.js';
import { toAnswerable } from './middleware/render-error.js';
import { callerOf, contextOf } from './request-context.js';
import type { StreamSlots } from './stream-slots.js';
import { reloadResource } from './stored-response.js';
import { readTurn, waitForEnd } from './turn-reader.js';

export interface AnswerDeps extends ApiDeps {
  readonly streamSlots: StreamSlots;
}

/** Past its wall-time limit a turn has this long to close before a waiting caller is answered with what there is. */
const GRACE_MS = 60_000;
/** One that waits may have to wait for as many turns as may stand before it, each with its own limits. */
const QUEUE_PATIENCE = MAX_QUEUED_TURNS + 1;

/** What a stream says when it cannot go on: the standard's `error` event. The turn itself is not touched. */
function errorFrame(thrown: unknown, requestId: string, sequence: number): string {
  const { code, message, param } = toAnswerable(thrown, requestId);
  const data = { type: 'error', code, message, param: param ?? null, sequence_number: sequence };
  return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * Frames of the turn; an error on the way becomes the last frame, because the status line is long gone. It has the number of
 * the last event before it: a client that goes on after the last number it saw misses nothing.
 */
async function* toFrames(
  events: AsyncIterable<TurnEvent>,
  render: { frame: (event: TurnEvent) => string; error: (thrown: unknown, sequence: number) => string },
  onError: (thrown: unknown) => void,
  after: number,
): AsyncGenerator<string> {
  let last = Math.max(0, after);
  try {
    for await (const event of events) {
      last = event.sequence_number;
      const frame = render.frame(event);
      if (frame !== '') yield frame;
    }
  } catch (thrown) {
    onError(thrown);
    yield render.error(thrown, last);
  }
}

/** A reader whose key has ended is told so; otherwise the stream would look like one that was cut. */
async function* untilKeyEnds(events: AsyncIterable<TurnEvent>, guard: ConnectionGuard): AsyncGenerator<TurnEvent> {
  yield* events;
  if (guard.reason() === 'key') throw keyEnded();
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
  const guard = guardConnection(deps, res, true);
  const render = rendering ?? {
    frame: toFrame,
    error: (thrown, sequence) => errorFrame(thrown, context.requestId, sequence),
  };
  deps.metrics.streamOpened();
  try {
    beginEventStream(res);
    const events = readTurn(deps, { scope, turnId, after, signal: guard.signal });
    const onError = (err: unknown): void => context.logger.error({ err, turnId }, 'an event stream broke');
    const frames = toFrames(untilKeyEnds(events, guard), render, onError, after);
    const delivered = await writeFrames(res, frames);
    if (delivered) res.end(render.end ?? '');
  } finally {
    guard.release();
    release();
    deps.metrics.streamClosed();
  }
}

function patienceMs({ status, settings }: TurnRecord): number {
  const oneMs = settings.limits.maxWallTimeMs + GRACE_MS;
  // Node's timers take no more.
  return status === 'queued' ? Math.min(oneMs * QUEUE_PATIENCE, 2 ** 31 - 1) : oneMs;
}

/**
 * Waits for the end of a turn, as long as its limits allow and the client stays.
 * @returns false: the client is gone.
 * @throws `auth.invalid` when the caller's key ends meanwhile.
 */
export async function awaitTurn(
  deps: ApiDeps,
  res: Response,
  turn: TurnRecord,
  how: { readonly orWaits: boolean; readonly after: number } = { orWaits: false, after: -1 },
): Promise<boolean> {
  const guard = guardConnection(deps, res, false);
  const patience = AbortSignal.timeout(patienceMs(turn));
  try {
    await waitForEnd(deps, {
      scope: callerOf(res).scope,
      turnId: turn.id,
      after: how.after,
      signal: AbortSignal.any([guard.signal, patience]),
      orWaits: how.orWaits,
    });
    if (guard.reason() === 'key') throw keyEnded();
    return guard.reason() === null;
  } finally {
    guard.release();
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
  after = -1,
): Promise<void> {
  if (how.stream) {
    await streamTurn(deps, res, turn.id, after);
    return;
  }
  // One that returns its requests ends with them.
  const orWaits = turn.settings.policy?.approvals !== 'return';
  if (!how.background && !(await awaitTurn(deps, res, turn, { orWaits, after }))) return;
  res.json(await reloadResource(deps, callerOf(res).scope, turn.id));
}
