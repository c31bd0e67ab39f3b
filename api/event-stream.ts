/**
 * Server-sent events by hand: the id of an event is its number in the turn, so a reader that comes back says where it was.
 * Pulls one event at a time and waits for the socket to drain, so a slow reader costs one event of memory, not a queue.
 */
import { once } from 'node:events';
import type { Response } from 'express';
import type { TurnEvent } from '../domain/event.js';

/** Proxies cut connections that are silent for about a minute. */
const PING_MS = 15_000;
/** A reader that takes nothing for this long is gone or stuck; it can come back with Last-Event-ID. */
const STALLED_MS = 60_000;
/** Bytes a socket may hold before the next event waits for it to drain. */
const MAX_QUEUED_BYTES = 256 * 1024;

export interface EventStreamOptions {
  readonly pingMs?: number;
  readonly stalledMs?: number;
}

export function toFrame(event: TurnEvent): string {
  return `event: ${event.type}\nid: ${event.sequence_number}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The head goes out with the first event when there is one at once, which saves both sides a packet; else by itself. */
export function beginEventStream(res: Response): void {
  res.status(200);
  res.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  res.setHeader('Cache-Control', 'no-cache, no-transform');
  res.setHeader('X-Accel-Buffering', 'no');
  setImmediate(() => {
    if (!res.headersSent && !res.destroyed) res.flushHeaders();
  });
}

/** False when the reader is gone or did not take anything for too long. */
async function drained(res: Response, stalledMs: number): Promise<boolean> {
  if (res.writableLength <= MAX_QUEUED_BYTES) return !res.destroyed;
  const waited = new AbortController();
  const timer = setTimeout(() => waited.abort(), stalledMs);
  const closed = (): void => waited.abort();
  res.once('close', closed);
  try {
    await once(res, 'drain', { signal: waited.signal });
    return true;
  } catch {
    // The wait was aborted: the reader closed the connection or stalled. Both end the stream, which is said by the result.
    return false;
  } finally {
    clearTimeout(timer);
    res.off('close', closed);
  }
}

/**
 * Writes frames until they end or the reader is gone; the caller has begun the stream and ends the response.
 * @returns false when the reader was lost on the way.
 */
export async function writeFrames(
  res: Response,
  frames: AsyncIterable<string>,
  options: EventStreamOptions = {},
): Promise<boolean> {
  const ping = setInterval(() => {
    if (!res.writableNeedDrain && !res.destroyed) res.write(': ping\n\n');
  }, options.pingMs ?? PING_MS);
  try {
    for await (const frame of frames) {
      if (res.destroyed) return false;
      res.write(frame);
      if (!(await drained(res, options.stalledMs ?? STALLED_MS))) {
        res.destroy();
        return false;
      }
    }
    return !res.destroyed;
  } finally {
    clearInterval(ping);
  }
}
