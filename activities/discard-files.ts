/** Files of a call that failed or was overtaken: nobody was told their ids, and nothing would ever delete them. */
import { toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import { ownerScope } from '../domain/scope.js';
import type { TurnRecord } from '../domain/turn.js';
import type { ActivityDeps } from './activity-deps.js';

/** Never throws. What the turn's record names stays: a commit may have counted although its answer was lost. */
export async function discardFiles(
  { turns, files }: Pick<ActivityDeps, 'turns' | 'files'>,
  turn: TurnRecord,
  made: readonly { readonly id: string }[],
  log: Logger,
): Promise<void> {
  if (made.length === 0) return;
  const scope = ownerScope(turn);
  try {
    const recorded = JSON.stringify(await turns.output(scope, turn.id));
    for (const { id } of made) if (!recorded.includes(id)) await files.remove(scope, id);
  } catch (error) {
    log.warn({ err: toError(error), turnId: turn.id }, 'files of a call that does not count could not be deleted');
  }
}
