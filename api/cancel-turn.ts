/** Cancels on both roads at once: the event log's channel (fast) and the workflow (durable), then waits for the end. */
import { failure, isFailure, toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import type { ResponseResource } from '../domain/response-resource.js';
import type { Scope } from '../domain/scope.js';
import { isTerminal } from '../domain/turn.js';
import type { TurnRef } from '../domain/turn-contract.js';
import type { ApiDeps } from './api-deps.js';
import { cancelQueued } from './cancel-queued.js';
import { loadResource, reloadResource, requireReadableTurn } from './stored-response.js';
import { waitForEnd } from './turn-reader.js';

/** Longest wait for the terminal state; after it the caller sees the turn as it is and may ask again. */
const WAIT_MS = 10_000;
/** Together longer than a workflow's start is held back. */
const DURABLE_PAUSE_MS = 250;
const DURABLE_ATTEMPTS = 40;

/**
 * @param gone ends the wait early: nobody is there any more to be answered.
 * @throws `response.not-found`; `engine.unavailable` when neither road is open.
 */
export async function cancelTurn(
  deps: ApiDeps,
  context: { scope: Scope; logger: Logger },
  turnId: string,
  gone: AbortSignal,
): Promise<ResponseResource> {
  const { scope, logger } = context;
  const turn = await requireReadableTurn(deps, scope, turnId);
  if (isTerminal(turn.status)) return loadResource(deps, scope, turn);
  const taken = turn.status === 'queued' ? await cancelQueued(deps, context, turnId) : null;
  if (taken !== null) return taken;
  const ref: TurnRef = { tenantId: scope.tenantId, turnId, conversationId: turn.conversationId };
  const [fast, durable] = await Promise.allSettled([
    deps.events.requestCancel({ tenantId: scope.tenantId, turnId }),
    deps.engine.cancel(ref),
  ]);
  for (const road of [fast, durable]) {
    if (road.status === 'rejected')
      logger.warn({ err: toError(road.reason), turnId }, 'one road of a cancel is closed');
  }
  if (fast.status === 'rejected' && durable.status === 'rejected') {
    const reason: unknown = durable.reason;
    throw isFailure(reason)
      ? reason
      : failure('engine.unavailable', 'The cancel could not be delivered. Try again in a moment.', { cause: reason });
  }
  const ended = new AbortController();
  if (durable.status === 'fulfilled' && !durable.value) void cancelWhenStarted(deps, ref, logger, ended.signal);
  const signal = AbortSignal.any([gone, AbortSignal.timeout(WAIT_MS)]);
  await waitForEnd(deps, { scope, turnId, after: -1, signal, checkMs: 500 });
  ended.abort();
  return reloadResource(deps, scope, turnId);
}

/** For a turn that others do not wait for: asks for its end on both roads. What is lost of it the sweeper asks again. */
export function requestStop(deps: ApiDeps, logger: Logger, turn: TurnRef): void {
  const roads = async (): Promise<void> => {
    await deps.events.requestCancel(turn);
    await cancelWhenStarted(deps, turn, logger, AbortSignal.timeout(DURABLE_PAUSE_MS * DURABLE_ATTEMPTS));
  };
  roads().catch((error: unknown) =>
    logger.warn({ err: toError(error), turnId: turn.turnId }, 'a stop was not delivered'),
  );
}

/**
 * The workflow of a young turn starts a moment after it was accepted, and until then only the fast road leads to the turn,
 * which ends at this process: the durable one is tried again until it is open or the turn has ended.
 */
async function cancelWhenStarted(deps: ApiDeps, turn: TurnRef, logger: Logger, ended: AbortSignal): Promise<void> {
  for (let attempt = 0; attempt < DURABLE_ATTEMPTS; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, DURABLE_PAUSE_MS).unref());
    if (ended.aborted) return;
    try {
      if (await deps.engine.cancel(turn)) return;
    } catch (error) {
      logger.warn({ err: toError(error), turnId: turn.turnId }, 'the durable road of a cancel is closed');
    }
  }
}
