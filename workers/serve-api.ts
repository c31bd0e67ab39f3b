/** The HTTP server around the app: listening with a clear message when it cannot, draining when it stops. */
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import { boundConnections, CONNECTION_LIMITS } from './connection-bounds.js';
import type { ConnectionLimits } from './connection-bounds.js';

export interface ServeApiOptions {
  readonly app: RequestListener;
  readonly host: string;
  readonly port: number;
  readonly logger: Logger;
  /** Laid over the product's own. */
  readonly limits?: Partial<ConnectionLimits>;
}

export interface ApiServer {
  readonly url: string;
  /** Takes no new connections, lets requests in progress end for `graceMs`, then cuts what is left. */
  stop(graceMs: number): Promise<void>;
}

/** @throws `server.cannot-start` when the port or address cannot be had. */
export async function serveApi(options: ServeApiOptions): Promise<ApiServer> {
  const limits = { ...CONNECTION_LIMITS, ...options.limits };
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkMs,
    },
    options.app,
  );
  boundConnections(server, limits, options.logger);
  await listen(server, options);
  server.on('error', (error) => options.logger.error({ err: error }, 'the HTTP server reported an error'));
  const { port } = server.address() as AddressInfo;
  return { url: `http://${forUrl(options.host)}:${port}`, stop: (graceMs) => stop(server, graceMs) };
}

function listen(server: Server, { host, port }: ServeApiOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(failure('server.cannot-start', listenMessage(error, host, port), { cause: error })),
    );
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenMessage(error: NodeJS.ErrnoException, host: string, port: number): string {
  const address = `${host}:${port}`;
  if (error.code === 'EADDRINUSE')
    return `Port ${port} on ${host} is in use: stop the program that holds it, or choose another with PORT or --port (0 takes any free one).`;
  if (error.code === 'EACCES')
    return `This user may not listen on ${address}: choose a port above 1023 with PORT or --port.`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return `${host} is no address of this machine: set HOST or --host to 127.0.0.1, or to 0.0.0.0 for all.`;
  return `Cannot listen on ${address} (${error.message}): check HOST and PORT.`;
}

/** An address people can open: a wildcard is reached through loopback. */
function forUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

async function stop(server: Server, graceMs: number): Promise<void> {
  const over = new AbortController();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const grace = sleep(graceMs, undefined, { signal: over.signal }).catch(() => undefined); // Aborted: all had ended.
  await Promise.race([closed, grace]);
  over.abort();
  server.closeAllConnections();
  await closed;
}
