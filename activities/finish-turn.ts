/** Closes a turn that is not closed yet, and publishes its terminal event. Safe to repeat and to race: one closing counts. */
import type { TurnEnding } from '../domain/ports/turn-store.js';
import type { Scope } from '../domain/scope.js';
import type { ActivityDeps } from './activity-deps.js';
import { publishEnd } from './publish-end.js';

type FinishDeps = Pick<ActivityDeps, 'turns' | 'events' | 'metrics' | 'logger'>;

export async function finishTurn(deps: FinishDeps, scope: Scope, turnId: string, ending: TurnEnding): Promise<void> {
  const { turn, closedNow } = await deps.turns.finish(scope, turnId, ending);
  if (closedNow) deps.logger.info({ turnId, status: turn.status, code: turn.error?.code }, 'turn closed');
  await publishEnd(deps, scope, turnId, null);
}
