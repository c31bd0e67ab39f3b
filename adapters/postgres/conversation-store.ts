/** Conversations in PostgreSQL. What each method promises is said in the port. */
import { failure } from '../../domain/failures.js';
import type { Conversation, ConversationChange, ConversationStore } from '../../domain/ports/conversation-store.js';
import type { Scope } from '../../domain/scope.js';
import { addItems, readItem, removeItem } from './conversation-items.js';
import {
  CONVERSATION_COLUMNS,
  conversationMissing,
  fromConversationRow,
  lockIdleConversation,
  readConversation,
} from './conversation-rows.js';
import { listConversations } from './conversation-search.js';
import { exportConversation, importConversation } from './conversation-transfer.js';
import type { Connection, Database } from './database.js';
import { toJson } from './json-columns.js';
import { owned, ownerId } from './ownership.js';
import { pagePath } from './turn-path.js';

/** The store of conversations over a migrated database. */
export function createConversationStore(database: Database): ConversationStore {
  return {
    create: (scope, conversation) => database.write(scope, (connection) => insert(connection, scope, conversation)),
    get: (scope, id) => database.read(scope, (connection) => readConversation(connection, scope, id)),
    list: (scope, query) => database.read(scope, (connection) => listConversations(connection, scope, query)),
    update: (scope, id, change) => database.write(scope, (connection) => update(connection, scope, id, change)),
    remove: (scope, id) =>
      database.write(scope, async (connection) => {
        if ((await lockIdleConversation(connection, scope, id)) === null) return false;
        await connection.deleteFrom('conversations').where(owned(scope)).where('id', '=', id).execute();
        return true;
      }),
    items: (scope, id, page) =>
      database.read(scope, async (connection) => {
        const conversation = await readConversation(connection, scope, id);
        if (conversation === null) throw conversationMissing(id);
        if (conversation.headTurnId === null) return { items: [], hasMore: false };
        return pagePath(connection, scope, conversation.headTurnId, page, null);
      }),
    item: (scope, id, itemId) => database.read(scope, (connection) => readItem(connection, scope, id, itemId)),
    addItems: (scope, id, nodeId, items) =>
      database.write(scope, (connection) => addItems(connection, scope, id, nodeId, items)),
    removeItem: (scope, id, itemId) => database.write(scope, (connection) => removeItem(connection, scope, id, itemId)),
    export: (scope, id) => database.read(scope, (connection) => exportConversation(connection, scope, id)),
    import: (scope, bundle) => database.write(scope, (connection) => importConversation(connection, scope, bundle)),
  };
}

async function insert(
  connection: Connection,
  scope: Scope,
  { id, title, metadata }: Parameters<ConversationStore['create']>[1],
): Promise<Conversation> {
  const now = new Date();
  const row = await connection
    .insertInto('conversations')
    .values({
      tenant_id: scope.tenantId,
      id,
      principal_id: ownerId(scope),
      title,
      metadata: toJson(metadata),
      head_turn_id: null,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
    .returning(CONVERSATION_COLUMNS)
    .executeTakeFirst();
  if (row === undefined)
    throw failure('request.invalid', `there is a conversation ${id} already; leave the id to the server`);
  return fromConversationRow(row);
}

async function update(
  connection: Connection,
  scope: Scope,
  id: string,
  change: ConversationChange,
): Promise<Conversation | null> {
  const row = await connection
    .updateTable('conversations')
    .set({
      updated_at: new Date(),
      ...(change.title === undefined ? {} : { title: change.title }),
      ...(change.metadata === undefined ? {} : { metadata: toJson(change.metadata) }),
      ...(change.archived === undefined ? {} : { archived: change.archived }),
    })
    .where(owned(scope))
    .where('id', '=', id)
    .returning(CONVERSATION_COLUMNS)
    .executeTakeFirst();
  return row === undefined ? null : fromConversationRow(row);
}
