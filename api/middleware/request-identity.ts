/** Gives each request its id, its logger and its context; echoes `x-request-id` and `traceparent`. */
import type { RequestHandler } from 'express';
import { newId } from '../../domain/ids.js';
import type { Logger } from '../../domain/ports/logger.js';
import { bindContext } from '../request-context.js';

/** An id from outside ends up in logs and in Temporal: printable and short, or it is replaced. */
const REQUEST_ID = /^[A-Za-z0-9._:/+=-]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function createRequestIdentity(logger: Logger): RequestHandler {
  return (req, res, next) => {
    const sent = req.header('x-request-id');
    const requestId = sent !== undefined && REQUEST_ID.test(sent) ? sent : newId('request');
    const traceparent = req.header('traceparent');
    const traced = traceparent !== undefined && TRACEPARENT.test(traceparent);
    res.setHeader('x-request-id', requestId);
    if (traced) res.setHeader('traceparent', traceparent);
    bindContext(res, {
      requestId,
      startedAtMs: Date.now(),
      logger: logger.child({ requestId, ...(traced ? { traceId: traceparent.slice(3, 35) } : {}) }),
      caller: null,
      providerKey: null,
      errorPage: null,
      route: null,
    });
    next();
  };
}
