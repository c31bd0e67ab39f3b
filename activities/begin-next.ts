/**
 * Begins a turn that waited, right after the commit that closed the one before it: its readers go live, its first model
 * call starts here where possible, and its workflow is started beside. What a crash leaves of this the sweeper does.
 */
import { toError } from '../domain/failures.js';
import type { EventLog } from '../domain/ports/event-log.js';
import type { Logger } from '../domain/ports/logger.js';
import type { TurnStarter } from '../domain/ports/turn-starter.js';
import type { NextTurn } from '../domain/ports/turn-store.js';
import { toResponseResource } from '../domain/response-resource.js';
import { internalScope } from '../domain/scope.js';
import { toStartTurn } from '../domain/turn-start.js';
import type { HeadStart } from './head-start.js';

export interface BeginNextDeps {
  readonly events: EventLog;
  readonly starter: Pick<TurnStarter, 'begin'>;
  readonly logger: Logger;
  /** Null where no turn worker lives in this process. */
  readonly headStart: HeadStart | null;
}

/** Never throws: from the commit on the turn is the server's business. */
export async function beginNext(deps: BeginNextDeps, next: NextTurn): Promise<void> {
  const { turn } = next;
  const { conversationId } = turn;
  const logger = deps.logger.child({ tenantId: turn.tenantId, turnId: turn.id, conversationId });
  try {
    await goLive(deps.events, next);
  } catch (error) {
    logger.warn({ err: toError(error) }, 'the event log of a turn that waited could not be opened');
  }
  const scope = internalScope(turn.tenantId, 'turn');
  const ahead = deps.headStart?.begin(scope, { ...turn, createdAtMs: next.startedAtMs }, next.claim) ?? null;
  logger.info({ agent: turn.settings.agent.name, model: turn.settings.requestedModel }, 'waiting turn begins');
  deps.starter.begin(toStartTurn(turn), ahead);
}

/** Who waited with it reads on in the same log; after a crash the log is a new one. */
async function goLive(events: EventLog, { turn, claim }: NextTurn): Promise<void> {
  const ref = { tenantId: turn.tenantId, turnId: turn.id };
  const response = toResponseResource(turn, []);
  const isNew = (await events.state(ref)) === null && claim.firstSequence === 0;
  await events.open(ref, { firstSequence: claim.firstSequence, snapshot: response });
  await events.append(ref, { part: 'step/1', attempt: claim.attempt }, [
    ...(isNew ? [{ type: 'response.created' as const, response }] : []),
    { type: 'response.in_progress', response },
  ]);
}
