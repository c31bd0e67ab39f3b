/** One turn as a client sees it: POST with `stream: true`, read until the terminal event. */
import { Agent, request } from 'undici';

export interface TimedTurn {
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly responseId: string;
  readonly status: string;
}

export interface TurnClient {
  turn(input: string): Promise<TimedTurn>;
  close(): Promise<void>;
}

export function createTurnClient(baseUrl: string, key: string): TurnClient {
  const dispatcher = new Agent({ connections: 64, pipelining: 1 });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return {
    async turn(input) {
      const startedMs = performance.now();
      const body = JSON.stringify({ model: 'general', input, stream: true });
      const response = await request(`${baseUrl}/v1/responses`, { method: 'POST', headers, body, dispatcher });
      let text = '';
      let firstTokenMs = Number.NaN;
      for await (const chunk of response.body) {
        text += String(chunk);
        if (Number.isNaN(firstTokenMs) && text.includes('response.output_text.delta'))
          firstTokenMs = performance.now() - startedMs;
      }
      const status = /event: response\.(completed|failed|incomplete)/.exec(text)?.[1] ?? `HTTP ${response.statusCode}`;
      if (status !== 'completed') throw new Error(`the turn ended as ${status}: ${text.slice(-500)}`);
      return {
        firstTokenMs,
        totalMs: performance.now() - startedMs,
        responseId: /"id":"(resp_\w+)"/.exec(text)?.[1] ?? '',
        status,
      };
    },
    close: () => dispatcher.close(),
  };
}

/** The same call without Turnstone: the floor of the first token. */
export async function directCall(
  providerUrl: string,
  dispatcher: Agent,
): Promise<{ firstTokenMs: number; totalMs: number }> {
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
