/** Takes a turn out of the queue. It never ran: this process writes its one terminal event itself. */
import { toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import type { ResponseResource } from '../domain/response-resource.js';
import { toResponseResource } from '../domain/response-resource.js';
import type { Scope } from '../domain/scope.js';
import type { ApiDeps } from './api-deps.js';

/** @returns null when the turn does not wait (any more): it runs, or has ended. */
export async function cancelQueued(
  deps: ApiDeps,
  { scope, logger }: { readonly scope: Scope; readonly logger: Logger },
  turnId: string,
): Promise<ResponseResource | null> {
  const turn = await deps.turns.cancelQueued(scope, turnId);
  if (turn === null) return null;
  const response = toResponseResource(turn, []);
  const ref = { tenantId: scope.tenantId, turnId };
  try {
    const draft = { type: 'response.incomplete' as const, response };
    // Nobody reads a log that is gone with its process: the store tells the end.
    if ((await deps.events.state(ref)) !== null) {
      const last = await deps.events.append(ref, { part: 'end', attempt: 1 }, [draft]);
      await deps.turns.recordLastSequence(scope, turnId, last);
    }
  } catch (error) {
    logger.warn({ err: toError(error), turnId }, 'the end of a turn that waited could not be published');
  }
  logger.info({ turnId }, 'waiting turn cancelled');
  return response;
}
