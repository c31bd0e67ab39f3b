/**
 * Proves over real sockets that clients who do not do their part (heads and bodies byte by byte, silent sockets by the thousand,
 * readers that never read) are cut in their time and cost the others nothing.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../api/app.js';
import { CONNECTION_LIMITS } from '../../workers/connection-bounds.js';
import type { ConnectionLimits } from '../../workers/connection-bounds.js';
import { serveApi } from '../../workers/serve-api.js';
import type { ApiServer } from '../../workers/serve-api.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { silentLogger } from '../support/silent-logger.js';
import { until } from '../support/until.js';
import { countCases } from './case-count.js';

/** The product's, a hundred times faster; not the one for heads, which would cut whoever waits for a busy test machine. */
const FAST: Partial<ConnectionLimits> = {
  keepAliveMs: 400,
  bodyWindowMs: 300,
  restOfBodyMs: 100,
  stalledMs: 2_000,
  checkMs: 50,
};
/** Far above what is needed here, far below what a cut by another bound (Node's five minutes) would take. */
const CUT_MS = 8_000;

let api: ApiFixture;
const servers: ApiServer[] = [];
const sockets: Socket[] = [];
/** The server's ends of connections that brought a request. */
const serverSide = new Set<Socket>();

beforeAll(async () => {
  api = await startApi({ rateLimit: { points: 1_000_000, durationSeconds: 60 } });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  serverSide.clear();
  for (const server of servers.splice(0)) await server.stop(0);
});
afterAll(() => api.close());

async function serve(limits: Partial<ConnectionLimits> = {}): Promise<string> {
  const app = createApp(api.deps);
  const server = await serveApi({
    app: (req, res) => {
      serverSide.add(req.socket);
      app(req, res);
    },
    host: '127.0.0.1',
    port: 0,
    logger: silentLogger,
    limits: { ...FAST, ...limits },
  });
  servers.push(server);
  return server.url;
}

interface Peer {
  readonly socket: Socket;
  /** What the server has said. */
  said(): string;
  isCut(): boolean;
}

/** A client of our own making: it reads only if it wants to. */
function dial(url: string, opening: string, reads = true): Promise<Peer> {
  return new Promise((resolve, reject) => {
    let said = '';
    let cut = false;
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => {
      if (opening !== '') socket.write(opening);
      resolve({ socket, said: () => said, isCut: () => cut });
    });
    sockets.push(socket);
    socket.on('error', reject); // Once it is there this rejects nothing any more: a reset is a cut.
    socket.on('close', () => (cut = true));
    socket.on('end', () => (cut = true));
    if (reads) socket.on('data', (piece) => (said += piece.toString('latin1')));
    else socket.pause();
  });
}

/** Sends one byte at a time, for as long as somebody listens. */
function drip(peer: Peer, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (peer.isCut() || peer.socket.destroyed) clearInterval(timer);
    else peer.socket.write(text[at++ % text.length] ?? 'x');
  }, 20);
}

const cutInTime = (peers: readonly Peer[], what: string): Promise<unknown> =>
  until(() => peers.every((peer) => peer.isCut()), what, CUT_MS);
const works = async (url: string): Promise<boolean> =>
  (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${api.key}`, connection: 'close' } })).status ===
  200;
const times = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make));
const count = (corpus: string, required: string, payloads: number): void => countCases({ corpus, required, payloads });
const head = (path: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n${more}`;

describe('the limits of the product', () => {
  it('no sender of heads or bodies holds a connection for longer than 30 s', () => {
    const { headersMs, bodyWindowMs, restOfBodyMs, checkMs } = CONNECTION_LIMITS;
    expect(headersMs + checkMs).toBeLessThanOrEqual(30_000);
    expect(bodyWindowMs + checkMs).toBeLessThanOrEqual(30_000);
    expect(restOfBodyMs + checkMs).toBeLessThanOrEqual(30_000);
  });
});

describe('slow senders', () => {
  it('silent sockets, and heads byte by byte -> cut; a caller beside them is answered', async () => {
    const url = await serve({ headersMs: 400 });
    const silent = await times(50, () => dial(url, ''));
    const dripping = await times(50, () => dial(url, 'GET /livez HTTP/1.1\r\nX: '));
    for (const peer of dripping) drip(peer, 'a');
    expect(await works(url)).toBe(true);
    await cutInTime([...silent, ...dripping], 'all of them are cut');
    expect(dripping[0]?.said()).toContain(' 408 ');
    count('silent sockets, heads byte by byte', 'cut in time, others served', silent.length + dripping.length);
  });

  it.each([
    ['announced', 'Content-Length: 5000\r\n\r\n', 'a'],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n', '1\r\na\r\n'],
  ])('bodies byte by byte, %s -> 408 and cut; a caller beside them is answered', async (_name, rest, piece) => {
    const url = await serve();
    const peers = await times(30, () => dial(url, head('/v1/responses', rest)));
    for (const peer of peers) drip(peer, piece);
    expect(await works(url)).toBe(true);
    await cutInTime(peers, 'all of them are cut');
    for (const peer of peers) expect(peer.said()).toContain(' 408 ');
    count(`bodies byte by byte, ${_name}`, '408, others served', peers.length);
  });

  it('bodies of refused requests -> the refusal, and the rest is not waited for', async () => {
    const url = await serve({ bodyWindowMs: 600_000 });
    const opening = 'POST /v1/responses HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong-key-wrong-key\r\n';
    const peers = await times(30, () => dial(url, `${opening}Content-Length: 500000\r\n\r\n{`));
    for (const peer of peers) drip(peer, 'a');
    await cutInTime(peers, 'all of them are cut');
    for (const peer of peers) expect(peer.said()).toMatch(/^HTTP\/1\.1 401 /);
    count('bodies of refused requests', 'refused once, then cut', peers.length);
  });

  it('a body that is slow but comes -> taken', async () => {
    const url = await serve({ bodyBytes: 1 });
    const body = JSON.stringify({ input: 'hello there' });
    const peer = await dial(url, head('/v1/responses', `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`));
    drip(peer, body);
    await until(() => peer.isCut(), 'the answer');
    expect(peer.said()).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('idle connections', () => {
  it('after an answer -> closed when their time is over', async () => {
    const url = await serve();
    const peers = await times(30, () => dial(url, 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n'));
    await until(() => peers.every((peer) => peer.said().includes(' 200 ')), 'the answers');
    await cutInTime(peers, 'all of them are closed');
    count('idle connections', 'closed in time', peers.length);
  });

  it('three thousand silent sockets, more than may be open -> the oldest make room, callers are answered', async () => {
    // Time bounds do not help here: only the count does.
    const url = await serve({ maxConnections: 500, headersMs: 300_000, stalledMs: 600_000, keepAliveMs: 600_000 });
    const running = api.engine.started.length;
    const waiting = fetch(`${url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ input: 'wait' }),
    });
    await until(() => api.engine.started.length > running, 'a request that waits for its answer');
    const peers: Peer[] = [];
    let slowestMs = 0;
    for (let round = 0; round < 30; round += 1) {
      peers.push(...(await times(100, () => dial(url, ''))));
      const startedMs = performance.now();
      expect(await works(url)).toBe(true);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
    await until(() => peers.filter((peer) => !peer.isCut()).length <= 500, 'only so many are left open');
    expect(slowestMs).toBeLessThan(5_000);
    api.engine.release();
    expect((await waiting).status).toBe(200);
    count('silent sockets beyond the bound', 'the oldest give way, no caller is refused', peers.length);
  });
});

describe('readers that never read', () => {
  it('an answer nobody takes -> cut; an answer that takes its time -> waited for', async () => {
    const url = await serve();
    const made = await api.request('POST', '/v1/responses', { input: `long ${'word '.repeat(400_000)}` });
    const get = `GET /v1/responses/${made.json.id}/input_items HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${api.key}\r\n\r\n`;
    await times(10, () => dial(url, get.repeat(8), false));
    await until(() => serverSide.size === 10, 'the requests are here');
    const stalled = [...serverSide];
    const waiter = await dial(url, head('/v1/responses', 'Content-Length: 16\r\n\r\n{"input":"wait"}'));
    await until(() => stalled.every((socket) => socket.destroyed), 'the stalled readers are cut', CUT_MS);
    // Nothing was written to this one for longer than that, and that is no stall.
    expect(waiter.isCut()).toBe(false);
    api.engine.release();
    await until(() => waiter.said().includes(' 200 '), 'the answer that took its time');
    count('readers that never read', 'cut in time', stalled.length);
  });

  it('a stream nobody takes -> cut, and the turn goes on', async () => {
    const url = await serve();
    const body = JSON.stringify({ input: `long ${'word '.repeat(1_000_000)}`, stream: true });
    await times(10, () =>
      dial(url, `${head('/v1/responses', `Content-Length: ${body.length}`)}\r\n\r\n${body}`, false),
    );
    await until(() => serverSide.size === 10, 'the requests are here');
    await until(() => [...serverSide].every((socket) => socket.destroyed), 'the stalled readers are cut', CUT_MS);
    expect(await works(url)).toBe(true);
    count('streams that nobody reads', 'cut in time', 10);
  });
});
