/** A message into a running turn: it joins at the next step, or, when it comes too late, becomes a turn of its own. */
import { failure } from '../domain/failures.js';
import { newId } from '../domain/ids.js';
import type { InputItemParam, Item } from '../domain/item.js';
import type { Scope } from '../domain/scope.js';
import type { TurnRecord } from '../domain/turn.js';
import type { AcceptContext } from './accept-turn.js';
import { actingScope } from './acting-scope.js';
import type { ApiDeps } from './api-deps.js';
import { beginTurn } from './begin-turn.js';
import { isPriced } from './budget-view.js';
import { freshSettings } from './continue-turn.js';
import { createContentIntake } from './input-content.js';
import { isEmptyInput, toInputItems } from './input-items.js';
import { toLateSteer, toSteerObject } from './projections/steer-object.js';
import type { SteerObject } from './projections/steer-object.js';
import { requireReadableTurn } from './stored-response.js';

/** In the middle of a turn only people speak: results, calls and instructions belong to a turn's beginning. */
export function requireMessages(items: readonly Item[], field: string): void {
  const at = items.findIndex((item) => item.type !== 'message' || item.role !== 'user');
  if (at < 0) return;
  throw failure(
    'request.invalid',
    `'${field}[${at}]' cannot join a running turn, only messages of the user can. Send it with turnstone.on_conflict "queue".`,
    { param: `${field}[${at}]` },
  );
}

/**
 * @throws `response.not-found`, `response.not-steerable`, `conversation.queue-full`, `request.invalid`,
 *   `request.idempotency-mismatch`.
 */
export async function steerTurn(
  deps: ApiDeps,
  caller: AcceptContext,
  turnId: string,
  input: string | readonly InputItemParam[],
): Promise<SteerObject> {
  const turn = await requireReadableTurn(deps, caller.scope, turnId);
  const { conversationId, id: parentId } = turn;
  const scope = await actingScope(deps, caller.scope, { conversationId, parentId });
  const intake = createContentIntake(deps.files, scope);
  try {
    const items = await toItems(input, intake);
    const { requestId, idempotency } = caller;
    const outcome = await deps.steers.add(scope, { id: newId('steer'), turnId, requestId, ...idempotency, items });
    if (outcome.kind === 'replayed') await intake.undo();
    if (outcome.kind !== 'ended') return toSteerObject(outcome.steer);
    return toLateSteer(turnId, await acceptLate(deps, { ...caller, scope }, outcome.turn, items), items);
  } catch (error) {
    await intake.undo();
    throw error;
  }
}

async function toItems(
  input: string | readonly InputItemParam[],
  intake: ReturnType<typeof createContentIntake>,
): Promise<readonly Item[]> {
  // A message refers to nothing that was said before.
  const path = (): Promise<never> =>
    Promise.reject(
      failure('request.invalid', 'A message into a running turn cannot refer to items.', { param: 'input' }),
    );
  const items = await toInputItems({ input, path, field: 'input' }, intake);
  if (isEmptyInput(items)) {
    throw failure('request.invalid', "'input' is empty. Send a text, or a message that says something.", {
      param: 'input',
    });
  }
  requireMessages(items, 'input');
  return items;
}

/** With the settings of the turn it was meant for; in a conversation it waits where another runs by now. */
async function acceptLate(
  deps: ApiDeps,
  context: AcceptContext & { readonly scope: Scope },
  ended: TurnRecord,
  input: readonly Item[],
): Promise<TurnRecord> {
  const settings = freshSettings(deps, ended.settings, undefined);
  const outcome = await deps.turns.accept(context.scope, {
    id: newId('response'),
    conversationId: ended.conversationId,
    parentId: ended.conversationId === null ? ended.id : undefined,
    settings,
    metadata: {},
    background: true,
    stored: ended.stored,
    requestId: context.requestId,
    ...context.idempotency,
    input,
    priced: isPriced(deps.models, settings.modelChain),
    onConflict: 'queue',
  });
  await beginTurn(deps, context, outcome);
  return outcome.turn;
}
