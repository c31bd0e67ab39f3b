/**
 * Ends one call from outside: the caller's cancellation, the first-byte timer and the idle timer all abort the same signal,
 * which closes the provider's socket. `reason` then says which of them it was.
 */
import { failure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';

export interface CallGuard {
  readonly signal: AbortSignal;
  /** Why the guard ended the call; null while it has not. */
  reason(): Failure | null;
  /** True when the caller cancelled (and not a timer). */
  cancelled(): boolean;
  /** Abort with `timeout()` unless `pause` or another `expectWithin` comes first. */
  expectWithin(ms: number, timeout: () => Failure): void;
  pause(): void;
  /** Close the socket without a reason: nobody wants the rest. */
  close(): void;
  /** Stop listening and timing; the signal stays as it is. */
  release(): void;
}

export function createCallGuard(caller: AbortSignal): CallGuard {
  const controller = new AbortController();
  let reason: Failure | null = null;
  let timer: NodeJS.Timeout | undefined;

  function end(why: Failure): void {
    if (reason !== null) return;
    reason = why;
    controller.abort(why);
  }
  const onCancel = (): void => end(failure('turn.cancelled', 'The turn was cancelled while the model was answering.'));
  if (caller.aborted) onCancel();
  else caller.addEventListener('abort', onCancel, { once: true });

  function pause(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    signal: controller.signal,
    reason: () => reason,
    cancelled: () => caller.aborted,
    expectWithin(ms, timeout) {
      pause();
      timer = setTimeout(() => end(timeout()), ms);
    },
    pause,
    close() {
      pause();
      controller.abort();
    },
    release() {
      pause();
      caller.removeEventListener('abort', onCancel);
    },
  };
}
