/** Closes a turn that is not closed yet, and publishes its terminal event. Safe to repeat and to race: one closing counts. */
import { settledEvent } from '../domain/approval-event.js';
import type { TurnEnding } from '../domain/ports/turn-store.js';
import type { Scope } from '../domain/scope.js';
import type { ActivityDeps } from './activity-deps.js';
import { publishApprovalEvents } from './approval-events.js';
import { publishEnd } from './publish-end.js';

type FinishDeps = Pick<ActivityDeps, 'turns' | 'approvals' | 'events' | 'metrics' | 'logger' | 'beginNext'>;

export async function finishTurn(deps: FinishDeps, scope: Scope, turnId: string, ending: TurnEnding): Promise<void> {
  const { turn, closedNow, next } = await deps.turns.finish(scope, turnId, ending);
  if (closedNow) await tellWithdrawn(deps, scope, turnId);
  if (closedNow) deps.logger.info({ turnId, status: turn.status, code: turn.error?.code }, 'turn closed');
  if (next !== null) void deps.beginNext(next);
  await publishEnd(deps, scope, turnId, null);
}

/** A step has at most 128 calls. */
const MAX_WITHDRAWN = 128;

/** Nobody needs to decide any more: readers hear of it before the end. */
async function tellWithdrawn(deps: FinishDeps, scope: Scope, turnId: string): Promise<void> {
  const query = { status: 'cancelled', conversationId: null, turnId, after: null, order: 'desc' } as const;
  const { approvals } = await deps.approvals.list(scope, { ...query, limit: MAX_WITHDRAWN });
  const events = approvals.map((approval) => ({ part: `${approval.id}/settled`, drafts: [settledEvent(approval)] }));
  await publishApprovalEvents(deps, scope, turnId, 1, events);
  for (const { status } of approvals) deps.metrics.approval({ event: status });
}
