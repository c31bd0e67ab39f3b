/** Refuses new work while the server shuts down; reading goes on, so that clients can fetch what has been finished. */
import type { RequestHandler } from 'express';
import { failure } from '../../domain/failures.js';

export function createDrainGate(isDraining: () => boolean): RequestHandler {
  return (req, _res, next) => {
    if (!isDraining() || req.method === 'GET' || req.method === 'HEAD') {
      next();
      return;
    }
    throw failure(
      'server.draining',
      'The server is shutting down and takes no new work. Send the request again in a moment.',
    );
  };
}
