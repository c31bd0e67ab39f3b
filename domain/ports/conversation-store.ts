/** Conversations: trees of turns under one name, searchable by content. */
import type { Item } from '../item.js';
import type { Scope } from '../scope.js';
import type { StoredItem, TurnRecord } from '../turn.js';
import type { ItemPage, PageQuery } from './turn-store.js';

export interface Conversation {
  readonly id: string;
  readonly principalId: string;
  readonly title: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly archived: boolean;
  /** The turn a message without `previous_response_id` continues from. */
  readonly headTurnId: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface ConversationQuery extends PageQuery {
  /** Web-search syntax (`"exact phrase"`, `-not`, `or`); matches items' text and titles. */
  readonly q: string | null;
  readonly archived: boolean | 'any';
}

/** `snippet` holds the best match with hits between `**`; null when nothing was searched for. */
export interface ConversationHit {
  readonly conversation: Conversation;
  readonly snippet: string | null;
}

export interface ConversationChange {
  readonly title?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly archived?: boolean;
}

/** A whole conversation, lossless: what `export` answers and `import` takes. */
export interface ConversationBundle {
  readonly conversation: Conversation;
  readonly turns: readonly { readonly turn: TurnRecord; readonly items: readonly StoredItem[] }[];
}

export interface ConversationStore {
  create(
    scope: Scope,
    conversation: { id: string; title: string | null; metadata: Readonly<Record<string, string>> },
  ): Promise<Conversation>;
  get(scope: Scope, id: string): Promise<Conversation | null>;
  list(scope: Scope, query: ConversationQuery): Promise<{ hits: readonly ConversationHit[]; hasMore: boolean }>;
  /** @returns null when there is none. */
  update(scope: Scope, id: string, change: ConversationChange): Promise<Conversation | null>;
  /** Deletes the conversation with its turns and items. @returns false when there is none. @throws `conversation.busy`. */
  remove(scope: Scope, id: string): Promise<boolean>;
  /** Items on the path from the root to the head. */
  items(scope: Scope, id: string, page: PageQuery): Promise<ItemPage>;
  item(scope: Scope, id: string, itemId: string): Promise<StoredItem | null>;
  /** Adds items after the head as a node of their own, in one transaction. @throws `conversation.not-found`, `conversation.busy`. */
  addItems(scope: Scope, id: string, nodeId: string, items: readonly Item[]): Promise<readonly StoredItem[]>;
  /** @returns false when there is no such item. @throws `conversation.busy` when it belongs to a running turn. */
  removeItem(scope: Scope, id: string, itemId: string): Promise<boolean>;
  export(scope: Scope, id: string): Promise<ConversationBundle | null>;
  /**
   * Writes a bundle under new ids; a turn that was running when exported becomes `cancelled`.
   * @returns the new conversation. @throws `request.invalid` when the bundle contradicts itself.
   */
  import(scope: Scope, bundle: ConversationBundle): Promise<Conversation>;
}
