/**
 * A client that wants its answer: it sends with an Idempotency-Key, sends again when it hears nothing, comes back with the
 * number of the last event it has, and keeps everything it was shown. What it was told is compared with what is stored.
 */
import { createParser } from 'eventsource-parser';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TurnEvent } from '../../../domain/event.js';
import { isTerminalEvent } from '../../../domain/event.js';
import type { ResponseResource } from '../../../domain/response-resource.js';
import { FAULT_KEY } from './world.js';

export interface TurnRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The same for every time it is sent. */
  readonly key: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ClientOptions {
  readonly apiUrl: () => string;
  /** Gives up after this long. */
  readonly timeoutMs: number;
  /** Called with each event as it comes. */
  readonly onEvent?: (event: TurnEvent, turnId: string) => void;
  /** Leaves the stream after this long and comes back, again and again. */
  readonly dropEveryMs?: number;
  readonly apiKey?: string;
}

export interface ClientTurn {
  readonly request: TurnRequest;
  /** Null: it was never told an id. */
  readonly id: string | null;
  readonly events: readonly { readonly event: TurnEvent; readonly atMs: number }[];
  /** How often it had to connect. */
  readonly connections: number;
  /** A 4xx, or that time was up. */
  readonly gaveUp: string | null;
}

const RETRY_MS = 150;

interface Going {
  id: string | null;
  last: number;
  ended: boolean;
  gaveUp: string | null;
  connections: number;
  readonly events: { event: TurnEvent; atMs: number }[];
}

/** Reads a turn that somebody else sent, from its beginning to its end. */
export function followTurn(id: string, options: ClientOptions): Promise<ClientTurn> {
  return runClientTurn({ path: '', body: {}, key: '' }, options, id);
}

export async function runClientTurn(
  request: TurnRequest,
  options: ClientOptions,
  known: string | null = null,
): Promise<ClientTurn> {
  const going: Going = { id: known, last: -1, ended: false, gaveUp: null, connections: 0, events: [] };
  const deadline = Date.now() + options.timeoutMs;
  while (!going.ended && going.gaveUp === null) {
    if (Date.now() > deadline) going.gaveUp = `no end within ${options.timeoutMs} ms`;
    else if (!(await connect(request, options, going, deadline))) await sleep(RETRY_MS);
  }
  const { id, events, connections, gaveUp } = going;
  return { request, id, events, connections, gaveUp };
}

/** @returns false when it is to wait before the next try. */
async function connect(request: TurnRequest, options: ClientOptions, going: Going, deadline: number): Promise<boolean> {
  const { dropEveryMs } = options;
  const leave = AbortSignal.timeout(Math.max(1, Math.min(dropEveryMs ?? 60_000, deadline - Date.now())));
  going.connections += 1;
  try {
    const response = await open(request, options, going, leave);
    if (response.status === 200 && response.body !== null) {
      await readEvents(response.body, options, going);
      return dropEveryMs !== undefined;
    }
    const text = await response.text();
    // What the server could not do now it may do later; what it refuses it will refuse again.
    if (response.status < 500 && response.status !== 429) going.gaveUp = `${response.status}: ${text.slice(0, 300)}`;
    return false;
  } catch {
    // Not there, or cut: both are what a client comes back from.
    return leave.aborted && dropEveryMs !== undefined;
  }
}

function open(request: TurnRequest, options: ClientOptions, going: Going, signal: AbortSignal): Promise<Response> {
  const headers = { authorization: `Bearer ${options.apiKey ?? FAULT_KEY}`, 'content-type': 'application/json' };
  const base = options.apiUrl();
  if (going.id !== null) {
    const after = going.last < 0 ? '' : `&starting_after=${going.last}`;
    return fetch(`${base}/v1/responses/${going.id}?stream=true${after}`, { headers, signal });
  }
  return fetch(`${base}${request.path}`, {
    method: 'POST',
    headers: { ...headers, ...request.headers, 'idempotency-key': request.key },
    body: JSON.stringify({ ...request.body, stream: true }),
    signal,
  });
}

async function readEvents(body: AsyncIterable<Uint8Array>, options: ClientOptions, going: Going): Promise<void> {
  const parser = createParser({
    onEvent: ({ data }) => {
      const event = JSON.parse(data) as TurnEvent;
      if ('response' in event) going.id ??= event.response.id;
      going.events.push({ event, atMs: Date.now() });
      going.last = event.sequence_number;
      if (isTerminalEvent(event)) going.ended = true;
      options.onEvent?.(event, going.id ?? '');
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body) parser.feed(decoder.decode(chunk, { stream: true }));
}

export interface CallOptions {
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** Of the Idempotency-Key. */
  readonly key?: string;
  readonly apiKey?: string;
}

export interface Answered {
  readonly status: number;
  readonly json: unknown;
}

function headersOf({ apiKey = FAULT_KEY, key }: CallOptions): Record<string, string> {
  const always = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  return key === undefined ? always : { ...always, 'idempotency-key': key };
}

/** One call that is repeated until the server answers it. */
export async function callUntilAnswered(
  apiUrl: () => string,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answered> {
  const deadline = Date.now() + (options.timeoutMs ?? 60_000);
  const headers = headersOf(options);
  for (;;) {
    try {
      const response = await fetch(`${apiUrl()}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(15_000),
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      });
      const text = await response.text();
      if (response.status < 500 && response.status !== 429)
        return { status: response.status, json: text === '' ? null : JSON.parse(text) };
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error(`${method} ${path} was not answered`);
    await sleep(RETRY_MS);
  }
}

export async function storedResponse(
  apiUrl: () => string,
  id: string,
  apiKey: string = FAULT_KEY,
): Promise<ResponseResource | null> {
  const { status, json } = await callUntilAnswered(apiUrl, 'GET', `/v1/responses/${id}`, { apiKey });
  return status === 200 ? (json as ResponseResource) : null;
}
