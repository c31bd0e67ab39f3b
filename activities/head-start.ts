/**
 * Head start: where API and turn worker share a process, the first model step begins right after the turn is accepted and
 * the activity `callModel` adopts it when it arrives. The claim made at acceptance fences it like any other attempt, so a
 * crash, or an activity that lands elsewhere, only costs the head start.
 */
import { toFailure } from '../domain/failures.js';
import type { Scope } from '../domain/scope.js';
import type { CallModelResult } from '../domain/turn-contract.js';
import type { ActivityDeps, StopReason } from './activity-deps.js';
import { runModelStep } from './model-step.js';

/** Beyond this many unadopted starts the ordinary path is taken: memory stays bounded under a burst. */
const MAX_PENDING = 500;
/** An activity that has not come by then finds the committed step instead. */
const FORGET_AFTER_MS = 60_000;

export interface HeadStartRun {
  readonly result: Promise<CallModelResult>;
  stop(reason: StopReason): void;
}

export interface HeadStart {
  begin(scope: Scope, turn: { readonly id: string; readonly requestId: string }): void;
  /** The running or finished first step of the turn, once; null when there is none to adopt. */
  adopt(turnId: string, step: number): HeadStartRun | null;
  /** Ends all of them without closing their turns: another process, or the next start, goes on. */
  close(): Promise<void>;
}

export function createHeadStart(deps: ActivityDeps): HeadStart {
  const pending = new Map<string, HeadStartRun>();
  const running = new Set<HeadStartRun>();

  const start = (scope: Scope, turn: { id: string; requestId: string }): HeadStartRun => {
    const controller = new AbortController();
    const log = deps.logger.child({
      tenantId: scope.tenantId,
      turnId: turn.id,
      requestId: turn.requestId,
      step: 1,
      attempt: 1,
    });
    const unsubscribe = deps.events.onCancel({ tenantId: scope.tenantId, turnId: turn.id }, () =>
      controller.abort('cancel'),
    );
    const input = { tenantId: scope.tenantId, turnId: turn.id, requestId: turn.requestId, step: 1, remainingMs: 0 };
    const claim = { attempt: 1, firstSequence: 0, committed: null };
    const result = runModelStep(
      deps,
      scope,
      input,
      { signal: controller.signal, log, engineAttempt: 1 },
      claim,
    ).finally(unsubscribe);
    const run: HeadStartRun = { result, stop: (reason) => controller.abort(reason) };
    // The adopter sees the failure and reports it; without one the workflow's own attempt runs the step again.
    result.catch((error: unknown) => log.warn({ code: toFailure(error).code }, 'head start failed'));
    return run;
  };

  return {
    begin(scope, turn) {
      if (pending.size >= MAX_PENDING) return;
      const run = start(scope, turn);
      pending.set(turn.id, run);
      running.add(run);
      const forget = setTimeout(() => pending.delete(turn.id), FORGET_AFTER_MS);
      forget.unref();
      void run.result.then(
        () => running.delete(run),
        () => running.delete(run),
      );
    },
    adopt(turnId, step) {
      const run = step === 1 ? (pending.get(turnId) ?? null) : null;
      pending.delete(turnId);
      return run;
    },
    async close() {
      for (const run of running) run.stop('shutdown');
      await Promise.allSettled([...running].map((run) => run.result));
    },
  };
}
