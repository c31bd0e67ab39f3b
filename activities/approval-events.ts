/** What readers of a turn's events are told about its approvals. */
import type { TurnEventDraft } from '../domain/event.js';
import { isFailure } from '../domain/failures.js';
import type { OutputItem } from '../domain/item.js';
import { toResponseResource } from '../domain/response-resource.js';
import type { Scope } from '../domain/scope.js';
import type { ActivityDeps } from './activity-deps.js';

type EventDeps = Pick<ActivityDeps, 'turns' | 'events' | 'logger'>;

/**
 * Publish under a part of its own for each, so that a retry repeats and an overtaken attempt is refused. A log that was lost
 * with its process is opened again from the store first.
 */
export async function publishApprovalEvents(
  deps: EventDeps,
  scope: Scope,
  turnId: string,
  attempt: number,
  events: readonly { readonly part: string; readonly drafts: readonly TurnEventDraft[] }[],
): Promise<void> {
  if (events.length === 0) return;
  const ref = { tenantId: scope.tenantId, turnId };
  await openLostLog(deps, scope, turnId);
  for (const { part, drafts } of events) {
    try {
      await deps.events.append(ref, { part: `approval/${part}`, attempt }, drafts);
    } catch (error) {
      // The turn has ended, or a newer attempt says the same: readers have it, or need it no more.
      if (!isFailure(error) || error.code !== 'turn.stale-attempt') throw error;
      deps.logger.debug({ turnId, part }, 'an approval event was not needed any more');
    }
  }
}

async function openLostLog(deps: EventDeps, scope: Scope, turnId: string): Promise<void> {
  const ref = { tenantId: scope.tenantId, turnId };
  if ((await deps.events.state(ref)) !== null) return;
  const [turn, output] = await Promise.all([deps.turns.get(scope, turnId), deps.turns.output(scope, turnId)]);
  if (turn === null) return;
  await deps.events.open(ref, {
    firstSequence: await deps.turns.reserveSequence(scope, turnId),
    snapshot: toResponseResource(
      turn,
      output.map((stored) => stored.item as OutputItem),
    ),
  });
}
