/** Publishes the one terminal event of a turn that is closed in the store. Safe to repeat. */
import { isFailure } from '../domain/failures.js';
import type { OutputItem } from '../domain/item.js';
import { toResponseResource } from '../domain/response-resource.js';
import type { ResponseResource } from '../domain/response-resource.js';
import type { Scope } from '../domain/scope.js';
import type { TerminalStatus } from '../domain/turn.js';
import { isTerminal } from '../domain/turn.js';
import type { TerminalEventType } from '../domain/event.js';
import type { ActivityDeps } from './activity-deps.js';

/** A cancelled turn ends its stream as `response.incomplete` with status `cancelled`: the standard has no event of its own. */
const TERMINAL_EVENTS: Record<TerminalStatus, TerminalEventType> = {
  completed: 'response.completed',
  failed: 'response.failed',
  incomplete: 'response.incomplete',
  cancelled: 'response.incomplete',
};

/** @param firstSequence where numbering goes on when the log was lost. */
export async function publishEnd(
  deps: Pick<ActivityDeps, 'turns' | 'events' | 'metrics' | 'logger'>,
  scope: Scope,
  turnId: string,
  firstSequence: number,
): Promise<void> {
  const ref = { tenantId: scope.tenantId, turnId };
  const log = await deps.events.state(ref);
  if (log?.ended === true) return;
  const [turn, output] = await Promise.all([deps.turns.get(scope, turnId), deps.turns.output(scope, turnId)]);
  if (turn === null || !isTerminal(turn.status)) return;
  const response: ResponseResource = toResponseResource(
    turn,
    output.map((stored) => stored.item as OutputItem),
  );
  if (log === null) await deps.events.open(ref, { firstSequence, snapshot: response });
  try {
    const draft = { type: TERMINAL_EVENTS[turn.status], response };
    const last = await deps.events.append(ref, { part: 'end', attempt: 1 }, [draft]);
    await deps.turns.recordLastSequence(scope, turnId, last);
    const durationMs = (turn.completedAtMs ?? Date.now()) - turn.createdAtMs;
    deps.metrics.turnFinished({ agent: turn.settings.agent.name, status: turn.status, durationMs });
  } catch (error) {
    // Someone else published it in the meantime: there is one terminal event, which is all that matters.
    if (!isFailure(error) || error.code !== 'turn.stale-attempt') throw error;
    deps.logger.debug({ turnId }, 'terminal event was already published');
  }
}
