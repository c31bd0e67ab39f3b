/** Writes a fake provider's stream: paced, in packets, or broken off where the script says. */
import { setImmediate as nextTick, setTimeout as sleep } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import type { FakeAnswer, FakeFrame, FakePlace, FakeRaw } from './fake-provider-script.js';

const STREAM_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };

export async function writeFrames(
  response: ServerResponse,
  frames: readonly FakeFrame[],
  reply: FakeAnswer,
): Promise<void> {
  const place = reply.cut ?? reply.stall ?? reply.endAt;
  const sent = place === undefined ? frames : frames.slice(0, placeIn(frames, place));
  await sleepUnless(response, reply.firstByteDelayMs ?? 0);
  if (place !== 'first-byte') {
    response.writeHead(200, { ...STREAM_HEADERS, 'x-request-id': 'req_fake' });
    const tail = place === 'mid-event' ? half(frames[sent.length]?.sse ?? '') : '';
    await writePaced(
      response,
      [...sent.map((frame) => frame.sse), tail].filter((text) => text !== ''),
      reply,
    );
  }
  await finish(response, reply);
}

async function finish(response: ServerResponse, reply: FakeAnswer): Promise<void> {
  if (reply.cut !== undefined) {
    // What was written is on its way before the socket goes.
    await nextTick();
    response.destroy();
  } else if (reply.stall === undefined) {
    if (!response.headersSent) response.writeHead(200, STREAM_HEADERS);
    response.end();
  }
}

/** How many frames come before the place. */
function placeIn(frames: readonly FakeFrame[], place: FakePlace): number {
  const half = (kind: FakeFrame['kind']): number => {
    const first = frames.findIndex((frame) => frame.kind === kind);
    const count = frames.filter((frame) => frame.kind === kind).length;
    if (first === -1) throw new Error(`the answer has no ${kind} to break at`);
    return first + Math.max(1, Math.floor(count / 2));
  };
  const before = (...kinds: readonly FakeFrame['kind'][]): number => {
    const at = frames.findIndex((frame) => kinds.includes(frame.kind));
    return at === -1 ? frames.length : at;
  };
  switch (place) {
    case 'first-byte':
      return 0;
    case 'mid-text':
    case 'mid-event':
      return half('text');
    case 'mid-tool':
      return half('tool');
    case 'before-finish':
      return before('finish');
    case 'before-usage':
      return frames.some((frame) => frame.kind === 'usage') ? before('usage') : before('finish');
  }
}

function half(text: string): string {
  return text.slice(0, Math.floor(text.length / 2));
}

async function writePaced(response: ServerResponse, texts: readonly string[], reply: FakeAnswer): Promise<void> {
  if (reply.packetBytes !== undefined) {
    const bytes = Buffer.from(texts.join(''), 'utf8');
    for (let from = 0; from < bytes.length && !response.destroyed; from += reply.packetBytes) {
      response.write(bytes.subarray(from, from + reply.packetBytes));
      await nextTick();
    }
    return;
  }
  const delayMs = reply.delayMs ?? 0;
  if (delayMs === 0) {
    response.write(texts.join(''));
    return;
  }
  for (const text of texts) {
    if (response.destroyed) return;
    response.write(text);
    await sleepUnless(response, delayMs);
  }
}

export async function writeRaw(response: ServerResponse, reply: FakeRaw): Promise<void> {
  response.writeHead(200, { 'content-type': reply.contentType ?? STREAM_HEADERS['content-type'] });
  for (let round = 0; round < (reply.repeat ?? 1); round += 1) {
    for (const part of reply.parts) {
      if (response.destroyed) return;
      if (!response.write(part)) await drained(response);
    }
  }
  if (reply.then === 'cut') {
    await nextTick();
    response.destroy();
  } else if (reply.then !== 'stall') {
    response.end();
  }
}

/** The buffer of the socket is free again, or the socket is gone. */
async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}

/** A delay that ends with the connection, so that a closed provider leaves no timer behind. */
async function sleepUnless(response: ServerResponse, ms: number): Promise<void> {
  if (ms <= 0 || response.destroyed) return;
  const closed = new AbortController();
  const stop = (): void => closed.abort();
  response.once('close', stop);
  await sleep(ms, undefined, { signal: closed.signal }).catch((error: unknown) => {
    if (!closed.signal.aborted) throw error;
  });
  response.off('close', stop);
}
