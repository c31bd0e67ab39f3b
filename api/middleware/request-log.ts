/** One line per request, written when the answer is out or the client has gone, and the same facts as metrics. */
import type { RequestHandler } from 'express';
import type { Metrics } from '../../domain/ports/metrics.js';
import { contextOf } from '../request-context.js';

/** Probes come every few seconds: their lines are for debugging only. */
const QUIET = new Set(['/livez', '/readyz', '/healthz', '/metrics']);

/** nginx's code for a client that closed the connection before the answer. */
const CLIENT_CLOSED = 499;

export function createRequestLog(metrics: Metrics): RequestHandler {
  return (req, res, next) => {
    const context = contextOf(res);
    res.once('close', () => {
      const durationMs = Date.now() - context.startedAtMs;
      const status = res.headersSent ? res.statusCode : CLIENT_CLOSED;
      const route = context.route ?? 'unmatched';
      metrics.requestFinished({ route, method: req.method, status, durationMs });
      const fields = { method: req.method, route, status, durationMs, finished: res.writableFinished };
      if (QUIET.has(route)) context.logger.debug(fields, 'request');
      else context.logger.info(fields, 'request');
    });
    next();
  };
}
