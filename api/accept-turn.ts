/**
 * A request becomes a turn: checked against what the server has, its input prepared, then one commit. After it the turn
 * is answered or fails visibly, whatever dies; before it nothing has happened.
 */
import { failure } from '../domain/failures.js';
import type { FailureCode } from '../domain/failures.js';
import { isId, newId } from '../domain/ids.js';
import type { Item } from '../domain/item.js';
import type { Logger } from '../domain/ports/logger.js';
import type { AcceptOutcome, NewTurn } from '../domain/ports/turn-store.js';
import type { Scope } from '../domain/scope.js';
import type { TurnSettings } from '../domain/turn.js';
import { actingScope } from './acting-scope.js';
import type { ApiDeps } from './api-deps.js';
import { beginTurn } from './begin-turn.js';
import { isPriced } from './budget-view.js';
import { loadPath } from './conversation-path.js';
import type { ConversationPath } from './conversation-path.js';
import type { Idempotency } from './idempotency.js';
import { requestStop } from './cancel-turn.js';
import { createContentIntake } from './input-content.js';
import type { ContentIntake } from './input-content.js';
import { isEmptyInput, toInputItems } from './input-items.js';
import { withProviderKey } from './provider-key.js';
import type { SecretText } from './provider-key.js';
import type { ResponseCreate } from './schemas/response-request.js';
import { requireMessages } from './steer-turn.js';
import { decideSettings } from './turn-settings.js';

export interface AcceptContext {
  readonly scope: Scope;
  readonly requestId: string;
  readonly logger: Logger;
  readonly idempotency: Idempotency;
  readonly providerKey: SecretText | null;
  /** Name of the list in the request, for `param`. */
  readonly inputField?: 'input' | 'messages';
  /** Decisions the turn goes on with. */
  readonly followUp?: TurnSettings['followUp'];
}

export interface Placement {
  readonly conversationId: string | null;
  /** Undefined: the conversation's head. */
  readonly parentId: string | undefined;
}

/** Ids of a wrong shape name nothing; whether the others do is for the store to say, in the transaction that accepts. */
function requireIdShape(id: string, code: FailureCode, param: string): void {
  if (isId(id)) return;
  const what = code === 'conversation.not-found' ? 'conversation' : 'response';
  throw failure(code, `There is no ${what} '${id.slice(0, 128)}'.`, { param });
}

/**
 * Where the turn goes. A response of a conversation that is continued by `previous_response_id` alone stays in that
 * conversation, as a branch of its tree.
 * @throws `response.not-found`, `conversation.not-found`.
 */
export function placeTurn(request: Pick<ResponseCreate, 'conversation' | 'previous_response_id'>): Placement {
  const conversationId = request.conversation ?? null;
  const parentId = request.previous_response_id ?? undefined;
  if (conversationId !== null) requireIdShape(conversationId, 'conversation.not-found', 'conversation');
  if (parentId !== undefined) requireIdShape(parentId, 'response.not-found', 'previous_response_id');
  return { conversationId, parentId };
}

/** Loads the path at most once, and only when the input refers to it. */
function lazyPath(deps: ApiDeps, scope: Scope, place: Placement): () => Promise<ConversationPath> {
  let loaded: Promise<ConversationPath> | null = null;
  return () =>
    (loaded ??= loadPath(deps, scope, { conversationId: place.conversationId, parentId: place.parentId ?? null }));
}

async function prepareInput(
  deps: ApiDeps,
  context: AcceptContext,
  request: ResponseCreate,
  place: Placement,
  intake: ContentIntake,
): Promise<readonly Item[]> {
  const field = context.inputField ?? 'input';
  const path = lazyPath(deps, context.scope, place);
  const items = await toInputItems({ input: request.input ?? [], path, field }, intake);
  if (isEmptyInput(items)) {
    throw failure(
      'request.invalid',
      `'${field}' is empty. Send a text or a list with at least one item that says something.`,
      { param: field },
    );
  }
  if (request.turnstone?.on_conflict === 'steer') requireMessages(items, field);
  return items;
}

async function commit(
  deps: ApiDeps,
  context: AcceptContext,
  turn: NewTurn,
  intake: ContentIntake,
): Promise<AcceptOutcome> {
  try {
    const outcome = await deps.turns.accept(context.scope, turn);
    if (outcome.kind === 'replayed') await intake.undo();
    return outcome;
  } catch (error) {
    await intake.undo();
    throw error;
  }
}

/**
 * Accepts a turn and sets it going; what follows does not depend on the caller any more.
 * @throws any 4xx of the failure table with its param; `store.unavailable`.
 */
export async function acceptTurn(
  deps: ApiDeps,
  caller: AcceptContext,
  request: ResponseCreate,
): Promise<AcceptOutcome> {
  const { followUp } = caller;
  const decided = decideSettings(deps, request);
  const settings = followUp === undefined ? decided : { ...decided, followUp };
  const place = placeTurn(request);
  const scope = await actingScope(deps, caller.scope, { ...place, parentId: place.parentId ?? null });
  const context = { ...caller, scope };
  const intake = createContentIntake(deps.files, scope);
  const input = await prepareInput(deps, context, request, place, intake).catch(async (error: unknown) => {
    await intake.undo();
    throw error;
  });
  const onConflict = request.turnstone?.on_conflict ?? 'reject';
  const id = newId('response');
  const keyed = await withProviderKey(deps, context, { id, settings }).catch(async (error: unknown) => {
    await intake.undo();
    throw error;
  });
  const newTurn: NewTurn = {
    id,
    ...place,
    ...keyed,
    metadata: request.metadata ?? {},
    background: request.background ?? false,
    stored: request.store ?? true,
    requestId: context.requestId,
    ...context.idempotency,
    input,
    priced: isPriced(deps.models, settings.modelChain),
    onConflict,
  };
  const outcome = await deps.starter.admit(() => commit(deps, context, newTurn, intake));
  await beginTurn(deps, context, outcome);
  if (outcome.kind === 'queued' && outcome.interrupts !== null) {
    const { tenantId, conversationId } = outcome.turn;
    requestStop(deps, context.logger, { tenantId, turnId: outcome.interrupts, conversationId });
  }
  return outcome;
}
