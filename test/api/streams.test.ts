/** Streams of a turn: resumed, lost, slow, cut off. The turn goes on whatever its readers do. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { createParser } from 'eventsource-parser';
import type { TurnEvent } from '../../domain/event.js';
import { isTerminalEvent } from '../../domain/event.js';
import type { EventLog } from '../../domain/ports/event-log.js';
import { toResponseResource } from '../../domain/response-resource.js';
import { readTurn } from '../../api/turn-reader.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { until } from '../support/until.js';

const SCOPE = { tenantId: 'default', principalId: 'tester', scopes: ['write' as const] };

/** An event log whose memory can be lost, as a restarted process loses it. */
function createForgetfulLog(): EventLog & { forget(): Promise<void> } {
  let log = createMemoryEventLog();
  return {
    open: (turn, options) => log.open(turn, options),
    append: (turn, writer, drafts) => log.append(turn, writer, drafts),
    state: (turn) => log.state(turn),
    read: (turn, options) => log.read(turn, options),
    requestCancel: (turn) => log.requestCancel(turn),
    onCancel: (turn, listener) => log.onCancel(turn, listener),
    close: () => log.close(),
    async forget() {
      const old = log;
      log = createMemoryEventLog();
      await old.close();
    },
  };
}

let api: ApiFixture;
let log: ReturnType<typeof createForgetfulLog>;

beforeAll(async () => {
  log = createForgetfulLog();
  api = await startApi({ events: log });
});
afterAll(() => api.close());

function parse(text: string): TurnEvent[] {
  const events: TurnEvent[] = [];
  const parser = createParser({
    onEvent: ({ data, event, id }) => {
      const parsed = JSON.parse(data) as TurnEvent;
      expect(event).toBe(parsed.type);
      expect(id).toBe(String(parsed.sequence_number));
      events.push(parsed);
    },
  });
  parser.feed(text);
  return events;
}

const create = async (input: string, more: object = {}): Promise<string> =>
  (await api.request('POST', '/v1/responses', { input, ...more })).json.id;
const stream = (id: string, query = '', headers: Record<string, string> = {}): ReturnType<ApiFixture['request']> =>
  api.request('GET', `/v1/responses/${id}?stream=true${query}`, undefined, headers);
const numbers = (events: readonly TurnEvent[]): number[] => events.map((event) => event.sequence_number);

describe('the stream itself', () => {
  it('headers that keep proxies from holding it back; ids are sequence numbers', async () => {
    const answer = await api.request(
      'POST',
      '/v1/responses',
      { input: 'hello', stream: true },
      { 'accept-encoding': 'gzip' },
    );
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(parse(answer.text).filter(isTerminalEvent)).toHaveLength(1);
    expect(answer.text).not.toContain('[DONE]');
  });

  it('Last-Event-ID: what comes after it; at the end 204, so that an EventSource stops', async () => {
    const id = await create('resume');
    const all = parse((await stream(id)).text);
    const rest = parse((await stream(id, '', { 'last-event-id': '2' })).text);
    expect(rest).toEqual(all.filter((event) => event.sequence_number > 2));
    const end = await stream(id, '', { 'last-event-id': String(all.at(-1)?.sequence_number) });
    expect(end.status).toBe(204);
    expect((await stream(id, '', { 'last-event-id': 'x' })).status).toBe(400);
  });

  it('a client that disconnects cancels nothing, streamed or plain', async () => {
    for (const body of [{ input: 'wait a bit', stream: true }, { input: 'wait a bit' }]) {
      const before = api.engine.started.length;
      const gone = new AbortController();
      const request = fetch(`${api.url}/v1/responses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: gone.signal,
      }).then((response) => response.text());
      const started = await until(() => api.engine.started[before], 'the turn to start');
      gone.abort();
      await expect(request).rejects.toThrow();
      api.engine.release();
      const id = started.input.turnId;
      const ended = await until(async () => {
        api.engine.release();
        const now = (await api.request('GET', `/v1/responses/${id}`)).json;
        return now.status === 'completed' ? now : null;
      }, 'the turn to complete');
      expect(JSON.stringify(ended.output)).toContain('You said: wait a bit');
    }
  });

  it('a reader that takes nothing holds one event and 256 KB at most, and the turn ends without it', async () => {
    const size = 3_900_000;
    const body = JSON.stringify({ input: 'x'.repeat(size), stream: true });
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.pause();
    const connections: Socket[] = [];
    api.server.on('connection', (each: Socket) => connections.push(each));
    const before = api.engine.started.length;
    const head = [
      `authorization: Bearer ${api.key}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
    ];
    socket.write(`POST /v1/responses HTTP/1.1\r\nhost: x\r\n${head.join('\r\n')}\r\n\r\n${body}`);
    const held = await until(() => connections.find((each) => each.remotePort === socket.localPort), 'the connection');
    await until(() => held.writableLength > 0, 'the socket to fill');
    const { turnId } = (await until(() => api.engine.started[before], 'the turn to start')).input;
    await until(async () => (await api.deps.turns.get(SCOPE, turnId))?.status === 'completed', 'the turn to end');
    const whole = (await stream(turnId)).text.length;
    expect(held.writableLength).toBeLessThan(size * 1.1 + 256 * 1024);
    expect(whole).toBeGreaterThan(4 * size);
    socket.destroy();
  });
});

describe('a log that was lost', () => {
  it('a turn that has ended: a compact replay from the start, with the number its end had', async () => {
    const id = await create('reason about it');
    const live = parse((await stream(id)).text);
    await log.forget();
    const replay = parse((await stream(id)).text);
    expect(replay.at(-1)).toEqual(live.at(-1));
    expect(numbers(replay)).toEqual([...numbers(replay)].sort((left, right) => left - right));
    expect(replay.filter(isTerminalEvent)).toHaveLength(1);
    const tail = parse((await stream(id, '&starting_after=3')).text);
    expect(tail.map((event) => event.type)).toEqual(['turnstone:snapshot', 'response.completed']);
    expect(tail[1]?.sequence_number).toBe(live.at(-1)?.sequence_number);
  });

  it('a running turn: a snapshot, then what the log has once it is open again', async () => {
    const id = await create('wait and see', { background: true });
    await log.forget();
    const turn = { tenantId: 'default', turnId: id };
    const stop = new AbortController();
    const seen: TurnEvent[] = [];
    const reading = (async () => {
      for await (const event of readTurn(api.deps, {
        scope: SCOPE,
        turnId: id,
        after: 2,
        signal: stop.signal,
        checkMs: 20,
      }))
        seen.push(event);
    })();
    const first = await until(() => seen[0], 'the snapshot');
    expect(first).toMatchObject({ type: 'turnstone:snapshot', sequence_number: 2, covers: 2 });
    const record = (await api.deps.turns.get(SCOPE, id))!;
    await log.open(turn, { firstSequence: 1_000_000, snapshot: toResponseResource(record, []) });
    await log.append(turn, { part: 'step/1', attempt: 2 }, [
      { type: 'turnstone:step.reset', step: 1, attempt: 2, output_index: 0, reason: 'lost' },
    ]);
    await until(() => seen.find((event) => event.type === 'turnstone:step.reset'), 'the reset');
    await api.deps.turns.finish(SCOPE, id, { status: 'cancelled', incompleteReason: null, error: null });
    await reading;
    expect(seen.at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'cancelled' } });
    expect(numbers(seen)).toEqual([...numbers(seen)].sort((left, right) => left - right));
  });

  it('a turn that ended where this process could not see it: its stream ends all the same', async () => {
    const id = await create('wait for nobody', { background: true });
    const stop = new AbortController();
    const seen: TurnEvent[] = [];
    const reading = (async () => {
      for await (const event of readTurn(api.deps, {
        scope: SCOPE,
        turnId: id,
        after: -1,
        signal: stop.signal,
        checkMs: 10,
      }))
        seen.push(event);
    })();
    await until(() => seen.length > 2, 'the first events');
    await api.deps.turns.finish(SCOPE, id, {
      status: 'failed',
      incompleteReason: null,
      error: { code: 'turn.terminated', message: 'ended by hand' },
    });
    await reading;
    expect(seen.at(-1)).toMatchObject({ type: 'response.failed', response: { error: { code: 'turn.terminated' } } });
    expect(seen.filter(isTerminalEvent)).toHaveLength(1);
  });

  it(
    'a revoked key: its open stream is closed within five seconds, the turn goes on',
    { timeout: 15_000 },
    async () => {
      const made = (await api.request('POST', '/v1/admin/keys', { name: 'short' })).json;
      const id = await create('wait long', { background: true });
      const reading = fetch(`${api.url}/v1/responses/${id}?stream=true`, {
        headers: { authorization: `Bearer ${made.key}` },
      }).then((answer) => answer.text());
      await api.request('DELETE', `/v1/admin/keys/${made.id}`);
      const [text = '', ...errors] = (await reading).split('event: error\n');
      expect(errors.join()).toContain('"code":"auth.invalid"');
      expect(parse(text).some(isTerminalEvent)).toBe(false);
      expect((await api.request('GET', `/v1/responses/${id}`)).json.status).toBe('in_progress');
      await api.request('POST', `/v1/responses/${id}/cancel`);
    },
  );
});
