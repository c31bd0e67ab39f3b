/**
 * A circuit breaker for answers that stream. cockatiel counts promises, so each call holds one that is settled when its
 * answer ends; while the circuit is half open one call probes it and all others are turned away at once.
 */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { isFailure, toError } from '../../domain/failures.js';
import type { FailureCode } from '../../domain/failures.js';

export type Circuit = 'closed' | 'open' | 'half-open';

export interface GuardedCall {
  /** The provider answers: a probe closes the circuit with its first content, not with its end. */
  alive(): void;
  succeeded(): Promise<void>;
  /** Counted when it is the provider's fault; a bad request or a cancellation says nothing about the provider. */
  failed(error: unknown): Promise<void>;
  /** The caller left; nothing is known. No effect after the others. */
  left(): Promise<void>;
}

export interface ProviderBreaker {
  /** @returns null when the circuit is open. */
  enter(): GuardedCall | null;
  state(): Circuit;
  /** Until a call may probe again. */
  retryAfterMs(): number;
}

const PROVIDER_FAULTS: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'model.rate-limited',
  'model.overloaded',
  'model.unavailable',
  'model.unreachable',
  'model.timeout',
  'model.stream-cut',
  'model.invalid-reply',
]);

/** @param onChange is told each new state, for the log. */
export function createProviderBreaker(
  options: { readonly failures: number; readonly openMs: number },
  onChange: (circuit: Circuit) => void,
): ProviderBreaker {
  const policy = circuitBreaker(
    handleWhen((error) => isFailure(error) && PROVIDER_FAULTS.has(error.code)),
    { halfOpenAfter: options.openMs, breaker: new ConsecutiveBreaker(options.failures) },
  );
  let openedAtMs = 0;
  policy.onStateChange((state) => {
    if (state === CircuitState.Open) openedAtMs = Date.now();
    onChange(toCircuit(state));
  });

  function enter(): GuardedCall | null {
    if (policy.state === CircuitState.HalfOpen) return null;
    const probing = policy.state === CircuitState.Open;
    let settle: Settle | undefined;
    // cockatiel calls the function at once when it lets the call in, and not at all when the circuit is open.
    const counted = quiet(policy.execute(() => new Promise<void>((resolve, reject) => (settle = { resolve, reject }))));
    return settle === undefined ? null : guardedCall(probing, settle, counted, recordLate);
  }

  /** A failure after a probe had already closed the circuit. */
  async function recordLate(error: unknown): Promise<void> {
    await quiet(policy.execute(() => Promise.reject(toError(error))));
  }

  return {
    enter,
    state: () => toCircuit(policy.state),
    retryAfterMs: () => Math.max(0, openedAtMs + options.openMs - Date.now()),
  };
}

interface Settle {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function guardedCall(
  probing: boolean,
  settle: Settle,
  counted: Promise<void>,
  recordLate: (error: unknown) => Promise<void>,
): GuardedCall {
  let settled = false;
  const resolve = (): void => {
    settled = true;
    settle.resolve();
  };
  return {
    alive: () => {
      if (probing && !settled) resolve();
    },
    succeeded() {
      if (!settled) resolve();
      return counted;
    },
    failed(error) {
      if (settled) return recordLate(error);
      settled = true;
      settle.reject(toError(error));
      return counted;
    },
    left() {
      if (settled) return counted;
      settled = true;
      settle.reject(new Error('the caller left'));
      return counted;
    },
  };
}

/** Whoever reads the stream has the same error thrown to them; here it has only been counted. */
async function quiet(counted: Promise<void>): Promise<void> {
  await counted.catch(() => undefined);
}

function toCircuit(state: CircuitState): Circuit {
  if (state === CircuitState.HalfOpen) return 'half-open';
  return state === CircuitState.Closed ? 'closed' : 'open';
}
