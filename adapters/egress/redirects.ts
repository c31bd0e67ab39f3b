/** Following redirects by hand: each hop is a new URL to check, and secrets stay with the host they were meant for. */
import { failure } from '../../domain/failures.js';
import { describeUrl, parseOutgoingUrl } from './url-check.js';

export interface Hop {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** All that may go on to another host; anything else could be a credential. */
const HARMLESS_HEADERS = new Set(['accept', 'accept-language', 'accept-encoding', 'user-agent', 'content-type']);

export function isRedirect(status: number, location: string | undefined): location is string {
  return REDIRECTS.has(status) && location !== undefined && location !== '';
}

/** @throws `egress.blocked`; `request.invalid` when the answer names no URL. */
export function nextHop(hop: Hop, status: number, location: string): Hop {
  const url = parseOutgoingUrl(location, hop.url);
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw failure(
      'egress.blocked',
      `${describeUrl(hop.url)} redirects from https to http (${url.host}), which is not followed`,
    );
  }
  const becomesGet = hop.method === 'POST' && (status === 301 || status === 302 || status === 303);
  const sameOrigin = url.origin === hop.url.origin;
  const kept = Object.entries(hop.headers).filter(([name]) => {
    if (becomesGet && name === 'content-type') return false;
    return sameOrigin || HARMLESS_HEADERS.has(name);
  });
  return {
    url,
    method: becomesGet ? 'GET' : hop.method,
    headers: Object.fromEntries(kept),
    // A body was meant for the host it was sent to.
    body: becomesGet || !sameOrigin ? undefined : hop.body,
  };
}
