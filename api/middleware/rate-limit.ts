/** Requests per API key, with the standard RateLimit headers so that clients can slow down before they are refused. */
import type { RequestHandler, Response } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { failure } from '../../domain/failures.js';
import { callerOf } from '../request-context.js';

/** Generous: meant to stop runaway loops, not to meter use. */
export const DEFAULT_RATE_LIMIT = { points: 1200, durationSeconds: 60 };

function setHeaders(res: Response, limit: { points: number; durationSeconds: number }, state: RateLimiterRes): void {
  const seconds = Math.ceil(state.msBeforeNext / 1000);
  res.setHeader('RateLimit-Policy', `"requests";q=${limit.points};w=${limit.durationSeconds}`);
  res.setHeader('RateLimit', `"requests";r=${Math.max(0, state.remainingPoints)};t=${seconds}`);
}

export function createRateLimit(
  limit: { points: number; durationSeconds: number } = DEFAULT_RATE_LIMIT,
): RequestHandler {
  const limiter = new RateLimiterMemory({ points: limit.points, duration: limit.durationSeconds });
  return async (_req, res, next) => {
    let state: RateLimiterRes;
    try {
      state = await limiter.consume(callerOf(res).keyId);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      setHeaders(res, limit, refused);
      throw failure(
        'request.rate-limited',
        `This API key made more than ${limit.points} requests in ${limit.durationSeconds} s. Wait, then go on.`,
        {
          retryAfterMs: refused.msBeforeNext,
        },
      );
    }
    setHeaders(res, limit, state);
    next();
  };
}
