/** Frames on the wire: well-formed, pinged while silent, and given up when the reader stalls or leaves. */
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Response } from 'express';
import fc from 'fast-check';
import { createParser } from 'eventsource-parser';
import { afterEach, describe, expect, it } from 'vitest';
import { toFrame, writeFrames } from '../../api/event-stream.js';
import { until } from '../support/until.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A server whose one answer is written by `write`, and the client's end of it. */
async function exchange(
  write: (res: Response) => Promise<unknown>,
): Promise<{ incoming: IncomingMessage; written: Promise<unknown> }> {
  let done: (value: unknown) => void = () => {};
  const written = new Promise((resolve) => {
    done = resolve;
  });
  const server = createServer((_req, res: ServerResponse) => {
    res.flushHeaders();
    void write(res as Response).then(done);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const incoming = await new Promise<IncomingMessage>((resolve) => {
    request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }, resolve).end();
  });
  incoming.on('error', () => {});
  return { incoming, written };
}

const delta = (text: string): string =>
  toFrame({
    type: 'response.output_text.delta',
    item_id: 'm',
    output_index: 0,
    content_index: 0,
    delta: text,
    logprobs: [],
    sequence_number: 7,
  });

describe('toFrame', () => {
  it('any text -> one event that a parser reads back unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const seen: { id: string | undefined; event: string | undefined; data: string }[] = [];
        createParser({ onEvent: ({ id, event, data }) => seen.push({ id, event, data }) }).feed(delta(text));
        expect(seen).toHaveLength(1);
        expect(seen[0]).toMatchObject({ id: '7', event: 'response.output_text.delta' });
        expect(JSON.parse(seen[0]!.data)).toMatchObject({ delta: text });
      }),
    );
  });
});

describe('writeFrames', () => {
  it('silence -> pings, which no parser takes for events', async () => {
    let finish: () => void = () => {};
    const wait = new Promise<void>((resolve) => {
      finish = resolve;
    });
    async function* frames(): AsyncGenerator<string> {
      await wait;
      yield delta('x');
    }
    const { incoming, written } = await exchange(async (res) => {
      const delivered = await writeFrames(res, frames(), { pingMs: 5 });
      res.end();
      return delivered;
    });
    let text = '';
    incoming.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await until(() => text.includes(': ping\n\n: ping\n\n'), 'two pings');
    finish();
    expect(await written).toBe(true);
    await until(() => incoming.complete, 'the end');
    let events = 0;
    createParser({ onEvent: () => (events += 1) }).feed(text);
    expect(events).toBe(1);
  });

  it('a reader that stalls -> given up, its source ended', async () => {
    let pulled = 0;
    let ended = false;
    async function* frames(): AsyncGenerator<string> {
      try {
        for (; pulled < 10_000; pulled += 1) yield delta('x'.repeat(100_000));
      } finally {
        ended = true;
      }
    }
    const { incoming, written } = await exchange((res) => writeFrames(res, frames(), { stalledMs: 100 }));
    incoming.pause();
    expect(await written).toBe(false);
    expect(ended).toBe(true);
    expect(pulled).toBeLessThan(1000);
  });

  it('a reader that leaves -> the source is ended at its next event', async () => {
    let ended = false;
    async function* frames(): AsyncGenerator<string> {
      try {
        for (;;) {
          await new Promise((resolve) => setImmediate(resolve));
          yield delta('x');
        }
      } finally {
        ended = true;
      }
    }
    const { incoming, written } = await exchange((res) => writeFrames(res, frames()));
    incoming.destroy();
    expect(await written).toBe(false);
    expect(ended).toBe(true);
  });
});
