/**
 * A decision is in the store before the turn that waits for it is told. Where the telling was lost with its process, this
 * tells it again.
 */
import type { ActivityDeps } from './activity-deps.js';
import type { TurnEngine } from '../domain/ports/turn-engine.js';

/** Younger ones are on their way. */
const MIN_AGE_MS = 5_000;
const BATCH = 200;

export interface ResendDeps extends Pick<ActivityDeps, 'approvals' | 'metrics' | 'logger'> {
  readonly engine: Pick<TurnEngine, 'tellDecided'>;
}

/** @throws `engine.unavailable`, `store.unavailable`: the next round tries again. */
export async function resendDecisions(deps: ResendDeps): Promise<void> {
  const denied = await deps.approvals.denyOvertaken(null, BATCH);
  if (denied > 0) deps.logger.warn({ denied }, 'messages were found waiting behind approvals; these are denied');
  for (const { approvalId, ...turn } of await deps.approvals.listUnheard(MIN_AGE_MS, BATCH)) {
    const told = await deps.engine.tellDecided(turn, [approvalId]);
    // A turn without a workflow is started again by the sweeper, or closed: its approvals end with it.
    if (!told) continue;
    deps.logger.warn({ ...turn, approvalId }, 'a decision had not reached its turn; it was sent again');
    deps.metrics.approval({ event: 'resent' });
  }
}
