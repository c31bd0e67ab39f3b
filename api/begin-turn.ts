/** Right after the commit: open the turn's events, begin the first model call here if possible, start the workflow. */
import { toError } from '../domain/failures.js';
import type { TurnEventDraft } from '../domain/event.js';
import type { Logger } from '../domain/ports/logger.js';
import type { AcceptOutcome } from '../domain/ports/turn-store.js';
import type { RunningAhead } from '../domain/ports/turn-starter.js';
import { toResponseResource } from '../domain/response-resource.js';
import { ownerScope } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import { toStartTurn } from '../domain/turn-start.js';
import type { TurnRecord } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import { loadResource } from './stored-response.js';

interface BeginContext {
  readonly scope: Scope;
  readonly logger: Logger;
}

function firstEvents(turn: TurnRecord): TurnEventDraft[] {
  const response = toResponseResource(turn, []);
  const running = { ...response, status: 'in_progress' as const };
  if (!turn.background && turn.status !== 'queued') {
    return [
      { type: 'response.created', response: running },
      { type: 'response.in_progress', response: running },
    ];
  }
  const queued = { ...response, status: 'queued' as const };
  return [
    { type: 'response.created', response: queued },
    { type: 'response.queued', response: queued },
    // One that waits for another goes on when its turn comes.
    ...(turn.status === 'queued' ? [] : [{ type: 'response.in_progress' as const, response: running }]),
  ];
}

/** Readers of a fork see what was copied as items that are there and done. */
async function copiedEvents(deps: ApiDeps, turn: TurnRecord): Promise<TurnEventDraft[]> {
  const { output } = await loadResource(deps, ownerScope(turn), turn);
  return output.flatMap((item, index): TurnEventDraft[] => [
    { type: 'response.output_item.added', output_index: index, item },
    { type: 'response.output_item.done', output_index: index, item },
  ]);
}

/** A log that cannot be opened costs readers the live view, not the turn: its first activity opens the log again. */
async function openEvents(deps: ApiDeps, context: BeginContext, turn: TurnRecord): Promise<void> {
  const ref = { tenantId: turn.tenantId, turnId: turn.id };
  try {
    await deps.events.open(ref, { firstSequence: 0, snapshot: toResponseResource(turn, []) });
    const copied = turn.settings.fork === undefined ? [] : await copiedEvents(deps, turn);
    await deps.events.append(ref, { part: 'step/1', attempt: 1 }, [...firstEvents(turn), ...copied]);
  } catch (error) {
    context.logger.warn({ err: toError(error), turnId: turn.id }, 'the event log of a new turn could not be opened');
  }
}

function headStart(
  deps: ApiDeps,
  context: BeginContext,
  { turn, context: known }: Extract<AcceptOutcome, { kind: 'accepted' }>,
): RunningAhead | null {
  try {
    return deps.headStart?.(context.scope, turn, known) ?? null;
  } catch (error) {
    context.logger.warn({ err: toError(error), turnId: turn.id }, 'the head start failed; the workflow runs the step');
    return null;
  }
}

/**
 * Resolves once readers can follow the turn; the workflow starts beside. Never throws: from the commit on the turn is the
 * server's business. A replayed turn that is still open is only started again, which is safe to repeat. One that waits for
 * another is begun by whoever closes that.
 */
export async function beginTurn(deps: ApiDeps, context: BeginContext, outcome: AcceptOutcome): Promise<void> {
  const { turn } = outcome;
  const logger = context.logger.child({ turnId: turn.id, conversationId: turn.conversationId });
  const facts = { agent: turn.settings.agent.name, model: turn.settings.requestedModel, background: turn.background };
  if (outcome.kind === 'queued') {
    await openEvents(deps, { ...context, logger }, turn);
    logger.info({ ...facts, interrupts: outcome.interrupts }, 'turn queued');
    return;
  }
  let ahead: RunningAhead | null = null;
  if (outcome.kind === 'accepted') {
    await openEvents(deps, { ...context, logger }, turn);
    // The head start counts from the first step: a fork's first step is the workflow's.
    ahead = turn.settings.fork === undefined ? headStart(deps, { ...context, logger }, outcome) : null;
    logger.info(facts, 'turn accepted');
  }
  // One that a message joined was begun when it was accepted.
  if (turn.status === 'in_progress' && outcome.kind !== 'steered') deps.starter.begin(toStartTurn(turn), ahead);
}
