/** What a new turn continues from: the calls that wait for an answer, and the items a reference may name. */
import { failure } from '../domain/failures.js';
import type { Item } from '../domain/item.js';
import type { ConversationStore } from '../domain/ports/conversation-store.js';
import type { TurnStore } from '../domain/ports/turn-store.js';
import type { Scope } from '../domain/scope.js';

export interface ConversationPath {
  readonly items: readonly Item[];
  readonly calls: ReadonlySet<string>;
  readonly ids: ReadonlySet<string>;
}

export interface PathEnd {
  readonly conversationId: string | null;
  /** Null: the conversation's head. */
  readonly parentId: string | null;
}

interface PathDeps {
  readonly turns: TurnStore;
  readonly conversations: ConversationStore;
}

function toPath(items: readonly Item[]): ConversationPath {
  const calls = items.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : []));
  return { items, calls: new Set(calls), ids: new Set(items.map((item) => item.id)) };
}

/** @throws `response.not-found`, `conversation.not-found`: what a turn is to continue from must exist. */
export async function loadPath(deps: PathDeps, scope: Scope, end: PathEnd): Promise<ConversationPath> {
  const head = end.parentId ?? (await headOf(deps, scope, end.conversationId));
  if (head === null) return toPath([]);
  const context = await deps.turns.loadContext(scope, head);
  if (context === null) {
    throw failure('response.not-found', `There is no response '${head}' to continue from.`, {
      param: 'previous_response_id',
    });
  }
  return toPath(context.path.map((stored) => stored.item));
}

async function headOf(deps: PathDeps, scope: Scope, conversationId: string | null): Promise<string | null> {
  if (conversationId === null) return null;
  const conversation = await deps.conversations.get(scope, conversationId);
  if (conversation !== null) return conversation.headTurnId;
  throw failure('conversation.not-found', `There is no conversation '${conversationId}'.`, { param: 'conversation' });
}
