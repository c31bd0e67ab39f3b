/** A turn whose events are read one by one, and left when enough was seen. */
import { createParser } from 'eventsource-parser';

export interface SeenEvent {
  readonly type: string;
  readonly sequence: number;
  readonly atMs: number;
}

export interface OpenTurn {
  readonly id: string;
  readonly seen: readonly SeenEvent[];
  /** Resolves when that many events have come. @throws when the stream ends before. */
  events(count: number): Promise<void>;
  /** Resolves when the stream has ended, however it did. */
  readonly ended: Promise<void>;
  leave(): void;
}

interface Reading {
  readonly seen: SeenEvent[];
  id: string;
  over: boolean;
  changed: () => void;
}

export function openTurn(apiUrl: string, key: string, body: object): Promise<OpenTurn> {
  const init = { method: 'POST', body: JSON.stringify({ model: 'general', stream: true, ...body }) };
  return readEvents(`${apiUrl}/v1/responses`, key, '', init);
}

/** The same turn again, from the event after `after`. */
export function reopenTurn(apiUrl: string, key: string, id: string, after: number): Promise<OpenTurn> {
  return readEvents(`${apiUrl}/v1/responses/${id}?stream=true&starting_after=${after}`, key, id, {});
}

async function readEvents(url: string, key: string, id: string, init: RequestInit): Promise<OpenTurn> {
  const gone = new AbortController();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(url, { ...init, headers, signal: gone.signal });
  if (response.status !== 200 || response.body === null)
    throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  const reading: Reading = { seen: [], id, over: false, changed: () => undefined };
  const ended = pump(response.body, reading);
  const events = async (count: number): Promise<void> => {
    while (reading.seen.length < count) {
      if (reading.over) throw new Error(`the stream ended after ${reading.seen.length} of ${count} events`);
      await new Promise<void>((resolve) => (reading.changed = resolve));
    }
  };
  await events(1);
  return { id: reading.id, seen: reading.seen, events, ended, leave: () => gone.abort() };
}

/** A connection that breaks, or is left, ends the stream like its end does. */
async function pump(body: AsyncIterable<Uint8Array>, reading: Reading): Promise<void> {
  const parser = createParser({
    onEvent: ({ event, data }) => {
      const { sequence_number: sequence, response } = JSON.parse(data) as {
        readonly sequence_number: number;
        readonly response?: { readonly id: string };
      };
      reading.id ||= response?.id ?? '';
      reading.seen.push({ type: event ?? '', sequence, atMs: Date.now() });
    },
  });
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      reading.changed();
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  } finally {
    reading.over = true;
    reading.changed();
  }
}
