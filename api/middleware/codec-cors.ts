/**
 * The one place where browsers of another origin may call: the Temporal UI asks the codec endpoints. Only origins that are listed,
 * never with cookies.
 */
import type { RequestHandler } from 'express';

/** What the Temporal UI sends. */
const HEADERS = 'Authorization, Content-Type, X-Namespace';
const PREFLIGHT_SECONDS = '600';

export function createCodecCors(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    const origin = req.header('origin');
    res.vary('Origin');
    const allowed = origin !== undefined && origins.includes(origin);
    if (allowed) res.setHeader('Access-Control-Allow-Origin', origin);
    if (req.method !== 'OPTIONS') {
      next();
      return;
    }
    if (allowed) {
      res.setHeader('Access-Control-Allow-Methods', 'POST');
      res.setHeader('Access-Control-Allow-Headers', HEADERS);
      res.setHeader('Access-Control-Max-Age', PREFLIGHT_SECONDS);
    }
    res.status(204).end();
  };
}
