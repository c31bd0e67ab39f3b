/** How many event streams one API key holds open: a bound per key, so that no caller can take all sockets. */
import { failure } from '../domain/failures.js';

export const DEFAULT_STREAMS_PER_KEY = 200;
const RETRY_MS = 5_000;

export interface StreamSlots {
  /** @returns a function that gives the slot back; call it once. @throws `request.rate-limited`. */
  take(keyId: string): () => void;
}

export function createStreamSlots(maxPerKey: number = DEFAULT_STREAMS_PER_KEY): StreamSlots {
  const open = new Map<string, number>();
  return {
    take(keyId) {
      const held = open.get(keyId) ?? 0;
      if (held >= maxPerKey) {
        throw failure(
          'request.rate-limited',
          `This API key holds ${held} event streams open, which is the most it may. Close one first.`,
          {
            retryAfterMs: RETRY_MS,
          },
        );
      }
      open.set(keyId, held + 1);
      return () => {
        const left = (open.get(keyId) ?? 1) - 1;
        if (left <= 0) open.delete(keyId);
        else open.set(keyId, left);
      };
    },
  };
}
