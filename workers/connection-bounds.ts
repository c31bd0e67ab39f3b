/**
 * What a connection may cost somebody who has shown no key yet, or who does not do their part: sockets that say nothing, heads and
 * bodies that come byte by byte, readers that never read. Node's server bounds the time of heads and idle sockets by itself.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../domain/ports/logger.js';

export interface ConnectionLimits {
  /** Beyond it the connection that has been without a request for longest makes room for a new one. */
  readonly maxConnections: number;
  /** Heads must be here by then, counted from the first byte or, on a fresh connection, from its beginning. */
  readonly headersMs: number;
  /** Heads and body together. */
  readonly requestMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
  /** A body must bring `bodyBytes` in each of these windows until it is whole. */
  readonly bodyWindowMs: number;
  readonly bodyBytes: number;
  /** What is left of a body when the answer is out (a refusal needs no body) may still come for so long. */
  readonly restOfBodyMs: number;
  /** A reader that takes nothing of what waits for it loses its connection then. */
  readonly stalledMs: number;
  /** How often the above is looked at. */
  readonly checkMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  maxConnections: 10_000,
  headersMs: 20_000,
  requestMs: 300_000,
  // Above the idle timeout of common load balancers (60 s), so that they, not we, close idle connections.
  keepAliveMs: 65_000,
  bodyWindowMs: 20_000,
  bodyBytes: 20 * 1024,
  restOfBodyMs: 5_000,
  stalledMs: 60_000,
  checkMs: 5_000,
};

/** As Node's own server answers when a head is late. */
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';
/** The bound is reached by an attack or a setting that is too low: one line a minute says so. */
const SAY_AGAIN_MS = 60_000;

/** Call it before the server listens. Its timer keeps no process alive. */
export function boundConnections(server: Server, limits: ConnectionLimits, logger: Logger): void {
  const withoutRequest = boundCount(server, limits, logger);
  boundBodies(server, limits);
  // Node's socket timeout counts what the peer takes as well as what it sends. With a listener, ending is up to the listener.
  server.setTimeout(limits.stalledMs, (socket: Socket) => {
    const waitsForItsAnswer = !withoutRequest.has(socket) && socket.writableLength === 0;
    if (!waitsForItsAnswer) socket.destroy();
  });
}

/** @returns the connections that carry no request now, the longest without one first. */
function boundCount(server: Server, { maxConnections }: ConnectionLimits, logger: Logger): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  const withoutRequest = new Set<Socket>();
  let saidAtMs = -Infinity;
  const forget = (socket: Socket): void => {
    open.delete(socket);
    withoutRequest.delete(socket);
  };
  server.on('connection', (socket: Socket) => {
    if (open.size >= maxConnections) {
      const [longest = socket] = withoutRequest;
      forget(longest);
      longest.destroy();
      if (performance.now() - saidAtMs > SAY_AGAIN_MS) {
        saidAtMs = performance.now();
        logger.warn(
          { maxConnections },
          'as many connections as may be open are open: idle ones are closed for new ones',
        );
      }
      if (longest === socket) return;
    }
    open.add(socket);
    withoutRequest.add(socket);
    socket.once('close', () => forget(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, res: ServerResponse) => {
    withoutRequest.delete(socket);
    res.once('close', () => {
      if (open.has(socket)) withoutRequest.add(socket);
    });
  });
  return withoutRequest;
}

interface OpenBody {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  sinceMs: number;
  bytesThen: number;
  answeredAtMs: number | null;
}

function boundBodies(server: Server, limits: ConnectionLimits): void {
  const bodies = new Set<OpenBody>();
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const body = { req, res, sinceMs: performance.now(), bytesThen: req.socket.bytesRead, answeredAtMs: null };
    bodies.add(body);
    res.once('close', () => {
      if (req.complete) bodies.delete(body);
    });
  });
  const timer = setInterval(() => {
    for (const body of bodies) {
      if (body.req.complete || body.req.socket.destroyed) bodies.delete(body);
      else if (isLate(body, limits)) {
        bodies.delete(body);
        if (!body.res.headersSent) body.req.socket.write(TIMED_OUT);
        body.req.socket.destroy();
      }
    }
  }, limits.checkMs).unref();
  server.once('close', () => clearInterval(timer));
}

function isLate(body: OpenBody, { restOfBodyMs, bodyWindowMs, bodyBytes }: ConnectionLimits): boolean {
  const nowMs = performance.now();
  if (body.res.writableFinished) {
    body.answeredAtMs ??= nowMs;
    return nowMs - body.answeredAtMs >= restOfBodyMs;
  }
  if (nowMs - body.sinceMs < bodyWindowMs) return false;
  const { bytesRead } = body.req.socket;
  // A body that nobody reads yet does not come, whatever its sender does.
  const isSlow = body.req.readableFlowing === true && bytesRead - body.bytesThen < bodyBytes;
  body.sinceMs = nowMs;
  body.bytesThen = bytesRead;
  return isSlow;
}
