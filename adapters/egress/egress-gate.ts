/**
 * The one way out for URLs that come from outside. A URL is parsed once, its host's addresses are checked when the
 * connection is made, each redirect is a new check, and size and time are bounded from the first byte to the last.
 */
import type { Dispatcher } from 'undici';
import { Agent } from 'undici';
import { failure } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { Egress, EgressRequest, EgressResponse } from '../../domain/ports/tool-runtime.js';
import { normalAddress } from './address-rules.js';
import { parseAllowList } from './allow-list.js';
import { readBounded } from './bounded-body.js';
import { toEgressFailure } from './egress-failures.js';
import type { AddressGuard, ResolveHost } from './guarded-connector.js';
import { createAddressGuard, createGuardedConnector, resolveWithSystem } from './guarded-connector.js';
import type { Hop } from './redirects.js';
import { isRedirect, nextHop } from './redirects.js';
import { describeUrl, isBlockedPort, parseOutgoingUrl, portOf } from './url-check.js';

export interface EgressLimits {
  readonly maxRedirects: number;
  readonly maxHeaderBytes: number;
  readonly connectTimeoutMs: number;
  /** Longest silence before the first header and between two pieces of the body. */
  readonly idleTimeoutMs: number;
  /** Caps whatever a caller asks for. */
  readonly maxBytes: number;
  readonly maxTotalMs: number;
}

export const DEFAULT_EGRESS_LIMITS: EgressLimits = {
  maxRedirects: 5,
  maxHeaderBytes: 32 * 1024,
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 15_000,
  maxBytes: 50 * 1024 * 1024,
  maxTotalMs: 120_000,
};

export interface EgressOptions {
  /** What an operator opens beside the public internet: `host`, `host:port`, addresses, networks. */
  readonly allow: readonly string[];
  readonly logger: Logger;
  readonly limits?: Partial<EgressLimits>;
  /** Name resolution; the system's by default. */
  readonly resolveHost?: ResolveHost;
}

interface Gate {
  readonly guard: AddressGuard;
  readonly isOpened: (host: string, port: number) => boolean;
  readonly limits: EgressLimits;
}

/** Headers that say how a message is framed or where it goes are ours alone. */
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'accept-encoding',
]);
const USER_AGENT = 'Turnstone/1 (+tool; fetches on behalf of a user)';

function firstHop(url: URL, request: EgressRequest): Hop {
  const headers: Record<string, string> = { 'user-agent': USER_AGENT, accept: '*/*' };
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    const lower = name.toLowerCase();
    if (OWN_HEADERS.has(lower))
      throw failure('request.invalid', `The header ${lower} cannot be set on an outgoing request`);
    headers[lower] = value;
  }
  const method = request.method ?? 'GET';
  return {
    url,
    method,
    headers: { ...headers, 'accept-encoding': 'gzip, deflate, br' },
    body: method === 'POST' ? request.body : undefined,
  };
}

/** Checks that need no lookup: literal addresses never reach the resolver. @throws `egress.blocked`. */
function checkUrl(url: URL, { guard, isOpened }: Gate): void {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = portOf(url);
  if (normalAddress(host) !== null) {
    const refusal = guard.check(host, host, port);
    if (refusal !== null) throw refusal;
  }
  if (isBlockedPort(port) && !isOpened(host, port)) {
    throw failure(
      'egress.blocked',
      `Port ${port} of ${host} may not be reached: it belongs to a service that is not HTTP. An operator can open it with egress.allow: ["${url.hostname}:${port}"]`,
    );
  }
}

function flattenHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

async function sendHop(hop: Hop, agent: Agent, request: EgressRequest & { maxBytes: number }): Promise<EgressResponse> {
  const response = await agent.request({
    origin: hop.url.origin,
    path: `${hop.url.pathname}${hop.url.search}`,
    method: hop.method,
    headers: hop.headers,
    signal: request.signal,
    ...(hop.body === undefined ? {} : { body: hop.body }),
  });
  const headers = flattenHeaders(response.headers);
  const { host } = hop.url;
  if (isRedirect(response.statusCode, headers['location'])) {
    response.body.on('error', () => undefined).destroy(); // nobody reads the page behind a redirect
    return { status: response.statusCode, headers, body: new Uint8Array(), url: hop.url.href };
  }
  const announced = Number(headers['content-length'] ?? 0);
  if (hop.method !== 'HEAD' && announced > request.maxBytes) {
    response.body.on('error', () => undefined).destroy();
    throw failure(
      'egress.too-large',
      `${host} announces ${announced} bytes; the limit for this request is ${request.maxBytes}`,
    );
  }
  const encoding = hop.method === 'HEAD' ? '' : (headers['content-encoding'] ?? '');
  const body = await readBounded(response.body, encoding, { maxBytes: request.maxBytes, host });
  return { status: response.statusCode, headers, body, url: hop.url.href };
}

async function follow(first: Hop, agent: Agent, request: EgressRequest, gate: Gate): Promise<EgressResponse> {
  const maxRedirects = Math.min(request.maxRedirects ?? Infinity, gate.limits.maxRedirects);
  let hop = first;
  for (let redirects = 0; ; redirects += 1) {
    checkUrl(hop.url, gate);
    const response = await sendHop(hop, agent, request).catch((error: unknown) => {
      request.signal.throwIfAborted();
      throw toEgressFailure(error, hop.url.host);
    });
    const location = response.headers['location'];
    if (!isRedirect(response.status, location)) return response;
    if (redirects >= maxRedirects) {
      throw failure(
        'egress.blocked',
        `${describeUrl(first.url)} redirects more than ${maxRedirects} times; the last address was on ${hop.url.host}`,
      );
    }
    hop = nextHop(hop, response.status, location);
  }
}

/** @throws `request.invalid` when an `allow` entry is not understood. */
export function createEgress({ allow, logger, limits: given, resolveHost = resolveWithSystem }: EgressOptions): Egress {
  const limits: EgressLimits = { ...DEFAULT_EGRESS_LIMITS, ...given };
  const allowList = parseAllowList(allow);
  const guard = createAddressGuard(allowList);
  const gate: Gate = {
    guard,
    limits,
    isOpened: (host, port) => allowList.allowsHost(host, port) || allowList.allowsAddress(host, port),
  };

  const fetch = async (text: string, request: EgressRequest): Promise<EgressResponse> => {
    const url = parseOutgoingUrl(text);
    const timeoutMs = Math.min(request.timeoutMs, limits.maxTotalMs);
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([request.signal, timeout]);
    // An agent per request: no connection is ever shared between tenants, and none outlives its request.
    const agent = new Agent({
      connect: createGuardedConnector(guard, resolveHost, limits.connectTimeoutMs),
      headersTimeout: limits.idleTimeoutMs,
      bodyTimeout: limits.idleTimeoutMs,
      maxHeaderSize: limits.maxHeaderBytes,
      pipelining: 1,
    });
    try {
      const bounded = { ...request, signal, maxBytes: Math.min(request.maxBytes, limits.maxBytes) };
      signal.throwIfAborted();
      return await follow(firstHop(url, request), agent, bounded, gate);
    } catch (error) {
      if (request.signal.aborted)
        throw failure('turn.cancelled', `The request to ${url.host} was cancelled`, { cause: error });
      if (timeout.aborted)
        throw failure('egress.timeout', `${url.host} did not finish answering within ${timeoutMs} ms`, {
          cause: error,
        });
      const refusal = toEgressFailure(error, url.host);
      if (refusal.code === 'egress.blocked')
        logger.warn({ host: url.host, reason: refusal.message }, 'an outgoing request was blocked');
      throw refusal;
    } finally {
      await agent.destroy();
    }
  };
  return { fetch };
}
