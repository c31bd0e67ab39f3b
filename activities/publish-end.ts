/** Publishes the one terminal event of a turn that is closed in the store. Safe to repeat. */
import { isFailure } from '../domain/failures.js';
import type { OutputItem } from '../domain/item.js';
import { toResponseResource } from '../domain/response-resource.js';
import type { ResponseResource } from '../domain/response-resource.js';
import type { LogState } from '../domain/ports/event-log.js';
import type { Scope } from '../domain/scope.js';
import type { TerminalStatus, TurnRecord } from '../domain/turn.js';
import { isTerminal } from '../domain/turn.js';
import type { TerminalEventType, TurnEventDraft } from '../domain/event.js';
import type { ActivityDeps } from './activity-deps.js';

/** A cancelled turn ends its stream as `response.incomplete` with status `cancelled`: the standard has no event of its own. */
const TERMINAL_EVENTS: Record<TerminalStatus, TerminalEventType> = {
  completed: 'response.completed',
  failed: 'response.failed',
  incomplete: 'response.incomplete',
  cancelled: 'response.incomplete',
};

/** A turn that is closed in the store, with its whole output. */
export interface ClosedTurn {
  readonly turn: TurnRecord;
  readonly output: readonly OutputItem[];
}

/** @param known the turn as it was just committed; null: read it. */
export async function publishEnd(
  deps: Pick<ActivityDeps, 'turns' | 'events' | 'metrics' | 'logger'>,
  scope: Scope,
  turnId: string,
  known: ClosedTurn | null,
): Promise<void> {
  const ref = { tenantId: scope.tenantId, turnId };
  const log = await deps.events.state(ref);
  if (log?.ended === true) return;
  const closed = known ?? (await readClosed(deps, scope, turnId));
  if (closed === null) return;
  const { turn } = closed;
  const { status } = turn;
  if (!isTerminal(status)) return;
  const response: ResponseResource = toResponseResource(turn, closed.output);
  if (log === null) {
    // Lost with its process: numbers go on above everything that process may have given out.
    await deps.events.open(ref, { firstSequence: await deps.turns.reserveSequence(scope, turnId), snapshot: response });
  }
  try {
    const end: TurnEventDraft = { type: TERMINAL_EVENTS[status], response };
    const drafts = [...resetsTo(closed.output.length, log), end];
    const last = await deps.events.append(ref, { part: 'end', attempt: 1 }, drafts);
    if (last !== turn.lastSequence) await deps.turns.recordLastSequence(scope, turnId, last);
    const durationMs = (turn.completedAtMs ?? Date.now()) - turn.createdAtMs;
    deps.metrics.turnFinished({ agent: turn.settings.agent.name, status, durationMs });
  } catch (error) {
    // Someone else published it in the meantime: there is one terminal event, which is all that matters.
    if (!isFailure(error) || error.code !== 'turn.stale-attempt') throw error;
    deps.logger.debug({ turnId }, 'terminal event was already published');
  }
}

/** The turn was closed while an attempt was showing more than it got to store: that is taken back first. */
function resetsTo(outputIndex: number, log: LogState | null): readonly TurnEventDraft[] {
  if (log === null || log.snapshot.output.length <= outputIndex) return [];
  const reason = 'The turn ended before this was stored; what had been shown of it is dropped.';
  return [{ type: 'turnstone:step.reset', step: null, attempt: 1, output_index: outputIndex, reason }];
}

async function readClosed(deps: Pick<ActivityDeps, 'turns'>, scope: Scope, turnId: string): Promise<ClosedTurn | null> {
  const [turn, output] = await Promise.all([deps.turns.get(scope, turnId), deps.turns.output(scope, turnId)]);
  return turn === null ? null : { turn, output: output.map((stored) => stored.item as OutputItem) };
}
