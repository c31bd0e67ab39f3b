/** How often something may be tried in a minute, counted per name: an address, or what was tried. */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { failure } from '../../domain/failures.js';

export interface AttemptLimit {
  /** @throws `request.rate-limited` with this message when the name has no attempt left. */
  take(name: string, message: string): Promise<void>;
}

export function createAttemptLimit(perMinute: number): AttemptLimit {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return {
    async take(name, message) {
      try {
        await limiter.consume(name);
      } catch (limited) {
        if (!(limited instanceof RateLimiterRes)) throw limited;
        throw failure('request.rate-limited', message, { retryAfterMs: limited.msBeforeNext });
      }
    },
  };
}
