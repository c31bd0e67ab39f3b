/** One turn as a client sees it: POST with `stream: true`, read until the terminal event. */
import { Agent, request } from 'undici';

export interface TimedTurn {
  /** `response.created` is here: the turn is committed. */
  readonly acceptedMs: number;
  readonly firstTokenMs: number;
  /** The last delta has come; what follows is the commit of the answer. */
  readonly answeredMs: number;
  readonly totalMs: number;
  readonly responseId: string;
}

export interface TurnClient {
  /** @param caller which of the keys is used. @throws when it does not end as completed. */
  turn(input: string, caller?: number, more?: object): Promise<TimedTurn>;
  close(): Promise<void>;
}

interface Marks {
  acceptedMs: number;
  firstTokenMs: number;
  answeredMs: number;
}

/** Turns may take as long as they need. */
const NO_TIMEOUT = { headersTimeout: 0, bodyTimeout: 0 };

export function createTurnClient(baseUrl: string, keys: readonly string[], connections = 64): TurnClient {
  const dispatcher = new Agent({ connections, pipelining: 1, ...NO_TIMEOUT });
  return {
    async turn(input, caller = 0, more = {}) {
      const startedMs = performance.now();
      const headers = {
        authorization: `Bearer ${keys[caller % keys.length] ?? ''}`,
        'content-type': 'application/json',
      };
      const body = JSON.stringify({ model: 'general', input, stream: true, ...more });
      const response = await request(`${baseUrl}/v1/responses`, { method: 'POST', headers, body, dispatcher });
      const marks: Marks = { acceptedMs: Number.NaN, firstTokenMs: Number.NaN, answeredMs: Number.NaN };
      let text = '';
      for await (const chunk of response.body) {
        text += String(chunk);
        mark(marks, text, performance.now() - startedMs);
      }
      const status = /event: response\.(completed|failed|incomplete)/.exec(text)?.[1] ?? `HTTP ${response.statusCode}`;
      if (status !== 'completed') throw new Error(`the turn ended as ${status}: ${text.slice(-500)}`);
      const totalMs = performance.now() - startedMs;
      return { ...marks, totalMs, responseId: /"id":"(resp_\w+)"/.exec(text)?.[1] ?? '' };
    },
    close: () => dispatcher.close(),
  };
}

function mark(marks: Marks, text: string, nowMs: number): void {
  const first = (before: number, event: string): number =>
    Number.isNaN(before) && text.includes(`event: ${event}\n`) ? nowMs : before;
  marks.acceptedMs = first(marks.acceptedMs, 'response.created');
  marks.firstTokenMs = first(marks.firstTokenMs, 'response.output_text.delta');
  marks.answeredMs = first(marks.answeredMs, 'response.output_text.done');
}

/** The same call without Turnstone: the floor of the first token. */
export async function directCall(
  providerUrl: string,
  dispatcher: Agent,
): Promise<{ readonly firstTokenMs: number; readonly totalMs: number }> {
  const startedMs = performance.now();
  const body = JSON.stringify({ model: 'bench', stream: true, messages: [{ role: 'user', content: 'hello' }] });
  const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' };
  const response = await request(`${providerUrl}/v1/chat/completions`, { method: 'POST', headers, body, dispatcher });
  let firstTokenMs = Number.NaN;
  for await (const chunk of response.body) {
    if (Number.isNaN(firstTokenMs) && String(chunk).includes('"content"')) firstTokenMs = performance.now() - startedMs;
  }
  return { firstTokenMs, totalMs: performance.now() - startedMs };
}
