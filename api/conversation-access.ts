/** Conversations of a scope, and items prepared for one. */
import { failure } from '../domain/failures.js';
import { isId } from '../domain/ids.js';
import type { InputItemParam, Item } from '../domain/item.js';
import type { Conversation } from '../domain/ports/conversation-store.js';
import type { Scope } from '../domain/scope.js';
import { actingScope } from './acting-scope.js';
import type { ApiDeps } from './api-deps.js';
import { loadPath } from './conversation-path.js';
import { createContentIntake } from './input-content.js';
import { toInputItems } from './input-items.js';

export const noConversation = (id: string): Error =>
  failure('conversation.not-found', `There is no conversation '${id.slice(0, 128)}'. It may have been deleted.`);

/** @throws `conversation.not-found`. */
export async function requireConversation(deps: ApiDeps, scope: Scope, id: string): Promise<Conversation> {
  const found = isId(id) ? await deps.conversations.get(scope, id) : null;
  if (found === null) throw noConversation(id);
  return found;
}

/**
 * Items a client puts into a conversation, handed to `save`; inline files that were stored are removed when it fails.
 * @throws `request.invalid`, `item.not-found`, `file.not-found`, and whatever `save` throws.
 */
export async function addItems<Saved>(
  deps: ApiDeps,
  caller: Scope,
  conversationId: string | null,
  params: readonly InputItemParam[],
  save: (items: readonly Item[]) => Promise<Saved>,
): Promise<Saved> {
  const scope = await actingScope(deps, caller, { conversationId, parentId: null });
  const intake = createContentIntake(deps.files, scope);
  try {
    const path = (): ReturnType<typeof loadPath> => loadPath(deps, scope, { conversationId, parentId: null });
    return await save(await toInputItems({ input: params, path, field: 'items' }, intake));
  } catch (error) {
    await intake.undo();
    throw error;
  }
}
