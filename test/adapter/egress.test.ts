/** Proves what the egress gate does with answers: decoding, size, time, redirects, headers, cancelling, and what `allow` opens. */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { EgressLimits } from '../../adapters/egress/egress-gate.js';
import { createEgress } from '../../adapters/egress/egress-gate.js';
import type { Failure } from '../../domain/failures.js';
import type { EgressRequest } from '../../domain/ports/tool-runtime.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import type { TestServer } from '../support/tcp-servers.js';
import { startTestServer } from '../support/tcp-servers.js';

const servers: TestServer[] = [];
const { logger } = createRecordingLogger();
const MIB = 1024 * 1024;

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(listener: RequestListener): Promise<TestServer> {
  const server = await startTestServer(listener);
  servers.push(server);
  return server;
}

const request = (changes: Partial<EgressRequest> = {}): EgressRequest => ({
  maxBytes: MIB,
  timeoutMs: 10_000,
  signal: new AbortController().signal,
  ...changes,
});

const open = (limits: Partial<EgressLimits> = {}) => createEgress({ allow: ['127.0.0.1'], logger, limits });
const urlOf = (server: TestServer, path = '/'): string => `http://127.0.0.1:${server.port}${path}`;

async function codeOf(fetching: Promise<unknown>): Promise<string> {
  return fetching.then(
    () => 'answered',
    (error: unknown) => (error as Failure).code,
  );
}

describe('egress gate: answers', () => {
  it('a plain page -> status, lower-case headers, bytes and final URL', async () => {
    const server = await serve((_request, response) => response.writeHead(404, { 'X-Thing': 'a' }).end('gone'));
    const answer = await open().fetch(urlOf(server, '/p?q=1#part'), request());
    expect(answer.status).toBe(404);
    expect(answer.headers['x-thing']).toBe('a');
    expect(Buffer.from(answer.body).toString()).toBe('gone');
    expect(answer.url).toBe(urlOf(server, '/p?q=1'));
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('an answer in %s -> decoded', async (encoding, compress) => {
    const server = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(compress('hello')),
    );
    expect(Buffer.from((await open().fetch(urlOf(server), request())).body).toString()).toBe('hello');
  });

  it('POST with a body -> sent once, with its content type', async () => {
    const server = await serve((incoming, response) => incoming.pipe(response));
    const answer = await open().fetch(
      urlOf(server),
      request({ method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } }),
    );
    expect(Buffer.from(answer.body).toString()).toBe('{"a":1}');
    expect(server.requests()[0]?.headers['content-type']).toBe('application/json');
  });

  it('HEAD -> headers, whatever length they announce', async () => {
    const server = await serve((_request, response) => response.writeHead(200, { 'content-length': '99999999' }).end());
    expect((await open().fetch(urlOf(server), request({ method: 'HEAD' }))).body.byteLength).toBe(0);
  });
});

describe('egress gate: size', () => {
  it('more bytes than asked for, announced -> egress.too-large before the body', async () => {
    const server = await serve((_request, response) => response.end(Buffer.alloc(2 * MIB)));
    expect(await codeOf(open().fetch(urlOf(server), request()))).toBe('egress.too-large');
  });

  it('an endless body without a length -> egress.too-large', async () => {
    const server = await serve((_request, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', write);
      write();
    });
    expect(await codeOf(open().fetch(urlOf(server), request()))).toBe('egress.too-large');
  });

  it.each([
    ['gzip', gzipSync(Buffer.alloc(200 * MIB))],
    ['br', brotliCompressSync(Buffer.alloc(50 * MIB))],
    ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(200 * MIB)))],
  ])('a decompression bomb in %s -> egress.too-large, memory stays flat', async (encoding, bomb) => {
    const server = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(bomb),
    );
    const before = process.memoryUsage().rss;
    expect(await codeOf(open({ maxBytes: 500 * MIB }).fetch(urlOf(server), request({ maxBytes: 500 * MIB })))).toBe(
      'egress.too-large',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MIB);
  });

  it('five stacked encodings, and one nobody asked for -> refused', async () => {
    const stacked = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip,gzip,gzip,gzip,gzip' }).end('x'),
    );
    const strange = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'zstd' }).end('x'),
    );
    expect(await codeOf(open().fetch(urlOf(stacked), request()))).toBe('egress.too-large');
    expect(await codeOf(open().fetch(urlOf(strange), request()))).toBe('egress.unreachable');
  });

  it('headers beyond the limit -> egress.too-large', async () => {
    const server = await serve((_request, response) => response.writeHead(200, { 'x-big': 'a'.repeat(40_000) }).end());
    expect(await codeOf(open().fetch(urlOf(server), request()))).toBe('egress.too-large');
  });

  it('broken compressed data -> egress.unreachable', async () => {
    const server = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip'),
    );
    expect(await codeOf(open().fetch(urlOf(server), request()))).toBe('egress.unreachable');
  });
});

describe('egress gate: time', () => {
  it('a server that never answers -> egress.timeout', async () => {
    const server = await serve(() => undefined);
    expect(await codeOf(open().fetch(urlOf(server), request({ timeoutMs: 200 })))).toBe('egress.timeout');
  });

  it('a slow drip that is never silent -> egress.timeout at the total time', async () => {
    const server = await serve((_request, response) => {
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => {
        clearInterval(timer);
      });
    });
    const started = performance.now();
    expect(await codeOf(open().fetch(urlOf(server), request({ timeoutMs: 400 })))).toBe('egress.timeout');
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('silence in the middle of a body -> egress.timeout at the idle time', async () => {
    const server = await serve((_request, response) => response.write('start'));
    expect(await codeOf(open({ idleTimeoutMs: 300 }).fetch(urlOf(server), request({ timeoutMs: 10_000 })))).toBe(
      'egress.timeout',
    );
  });

  it('cancelled in the middle -> turn.cancelled, and the connection closes', async () => {
    const controller = new AbortController();
    let closed: Promise<unknown> = Promise.reject(new Error('no request came'));
    closed.catch(() => undefined);
    const server = await serve((_request, response) => {
      closed = once(response, 'close');
      response.write('start');
      controller.abort();
    });
    expect(await codeOf(open().fetch(urlOf(server), request({ signal: controller.signal })))).toBe('turn.cancelled');
    await closed;
  });

  it('nobody listens -> egress.unreachable; a name that does not exist -> egress.unreachable', async () => {
    const server = await startTestServer(() => undefined);
    await server.close();
    expect(await codeOf(open().fetch(urlOf(server), request()))).toBe('egress.unreachable');
    expect(await codeOf(open().fetch('http://no-such-name.invalid/', request()))).toBe('egress.unreachable');
  });
});

describe('egress gate: redirects', () => {
  it('within the same host -> followed with all headers, and the final URL is told', async () => {
    const server = await serve((incoming, response) =>
      incoming.url === '/a'
        ? response.writeHead(302, { location: 'b?x=1' }).end()
        : response.end(String(incoming.headers['authorization'])),
    );
    const answer = await open().fetch(urlOf(server, '/a'), request({ headers: { authorization: 'secret' } }));
    expect([answer.url, Buffer.from(answer.body).toString()]).toEqual([urlOf(server, '/b?x=1'), 'secret']);
  });

  it('to another host -> Authorization, Cookie, API keys and the body stay behind', async () => {
    const other = await serve((incoming, response) => incoming.pipe(response));
    const first = await serve((_request, response) => response.writeHead(307, { location: urlOf(other) }).end());
    const headers = { authorization: 'secret', cookie: 'secret', 'x-api-key': 'secret', accept: 'text/plain' };
    const answer = await open().fetch(urlOf(first), request({ method: 'POST', body: 'secret', headers }));
    const received = other.requests()[0];
    expect(JSON.stringify(received)).not.toContain('secret');
    expect(Buffer.from(answer.body).toString()).toBe('');
    expect(received?.headers['accept']).toBe('text/plain');
  });

  it('POST answered with 303 -> GET without a body', async () => {
    const server = await serve((incoming, response) =>
      incoming.url === '/' ? response.writeHead(303, { location: '/next' }).end() : incoming.pipe(response),
    );
    await open().fetch(urlOf(server), request({ method: 'POST', body: 'x' }));
    expect(server.requests().map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  it('in a circle -> egress.blocked after five', async () => {
    const server = await serve((_request, response) => response.writeHead(302, { location: '/' }).end());
    expect(await codeOf(open().fetch(urlOf(server), request()))).toBe('egress.blocked');
    expect(server.requests()).toHaveLength(6);
  });
});

describe('egress gate: requests', () => {
  it.each(['Host', 'Content-Length', 'Transfer-Encoding', 'Connection'])(
    'header %s from a caller -> request.invalid',
    async (name) => {
      const server = await serve((_request, response) => response.end());
      expect(await codeOf(open().fetch(urlOf(server), request({ headers: { [name]: 'x' } })))).toBe('request.invalid');
      expect(server.connections()).toBe(0);
    },
  );

  it('a line break in a header -> request.invalid', async () => {
    const server = await serve((_request, response) => response.end());
    expect(await codeOf(open().fetch(urlOf(server), request({ headers: { 'x-a': 'b\r\nx-c: d' } })))).toBe(
      'request.invalid',
    );
  });
});

describe('egress gate: allow', () => {
  it.each(['127.0.0.1', '127.0.0.0/8', '127.0.0.1:PORT', '127.0.0.0/8:PORT', 'LOCALHOST.', 'localhost:PORT'])(
    '%s -> opens it',
    async (entry) => {
      const server = await serve((_request, response) => response.end('in'));
      const host = /localhost/i.test(entry) ? 'localhost' : '127.0.0.1';
      const egress = createEgress({
        allow: [entry.replace('PORT', String(server.port))],
        logger,
        resolveHost: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
      });
      expect(Buffer.from((await egress.fetch(`http://${host}:${server.port}/`, request())).body).toString()).toBe('in');
    },
  );

  it.each(['127.0.0.1:1', '127.0.0.2', '10.0.0.0/8', '[::1]', 'localhost'])(
    '%s -> does not open 127.0.0.1',
    async (entry) => {
      const server = await serve((_request, response) => response.end('in'));
      expect(await codeOf(createEgress({ allow: [entry], logger }).fetch(urlOf(server), request()))).toBe(
        'egress.blocked',
      );
      expect(server.connections()).toBe(0);
    },
  );

  it.each(['', 'http://a.example', 'a.example:0', 'a.example:99999', '10.0.0.0/33', 'a.example/8', 'a b', '[::1'])(
    'the entry %j -> refused when the gate is made',
    (entry) => {
      expect(() => createEgress({ allow: [entry], logger })).toThrow(/egress\.allow/);
    },
  );

  it.each(['[::1]:8080', 'fd00::/8', '[fd00::]/8:443', '::1'])('the IPv6 entry %s -> understood', (entry) => {
    expect(() => createEgress({ allow: [entry], logger })).not.toThrow();
  });
});
