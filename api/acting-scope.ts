/**
 * For whom a request writes. Ids in bodies name what the owner owns, also when an administrator sends them; and what an
 * administrator adds to somebody's conversation belongs to that somebody, so that it stays whole for them.
 */
import { isId } from '../domain/ids.js';
import type { ConversationStore } from '../domain/ports/conversation-store.js';
import type { TurnStore } from '../domain/ports/turn-store.js';
import { ownerScope, seesWholeTenant } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';

interface OwnerDeps {
  readonly turns: TurnStore;
  readonly conversations: ConversationStore;
}

export interface WritePlace {
  readonly conversationId: string | null;
  readonly parentId: string | null;
}

/**
 * The scope of the owner of the place that is written to; the caller's own where it names none, or nothing that exists
 * (then the write says so). Costs a query only for administrators.
 */
export async function actingScope(deps: OwnerDeps, scope: Scope, place: WritePlace): Promise<Scope> {
  if (!seesWholeTenant(scope)) return scope;
  const principalId = (await ownerOfPlace(deps, scope, place)) ?? scope.principalId;
  return ownerScope({ tenantId: scope.tenantId, principalId });
}

async function ownerOfPlace(deps: OwnerDeps, scope: Scope, place: WritePlace): Promise<string | null> {
  const { conversationId, parentId } = place;
  if (conversationId !== null)
    return isId(conversationId) ? ((await deps.conversations.get(scope, conversationId))?.principalId ?? null) : null;
  return parentId !== null && isId(parentId) ? ((await deps.turns.get(scope, parentId))?.principalId ?? null) : null;
}
