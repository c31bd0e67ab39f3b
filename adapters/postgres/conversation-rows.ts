/** Rows of conversations <-> records of the domain, and the two questions every conversation method asks first. */
import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { Conversation } from '../../domain/ports/conversation-store.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection } from './database.js';
import { objectColumn } from './json-columns.js';
import { owned } from './ownership.js';
import type { ConversationTable } from './schema.js';

export type ConversationRow = Omit<Selectable<ConversationTable>, 'tenant_id' | 'has_waiting'>;

export const CONVERSATION_COLUMNS = [
  'id',
  'principal_id',
  'title',
  'metadata',
  'archived',
  'head_turn_id',
  'created_at',
  'updated_at',
] as const;

export function fromConversationRow(row: ConversationRow): Conversation {
  return {
    id: row.id,
    principalId: row.principal_id,
    title: row.title,
    metadata: objectColumn(row.metadata, 'conversations.metadata') as Record<string, string>,
    archived: row.archived,
    headTurnId: row.head_turn_id,
    createdAtMs: row.created_at.getTime(),
    updatedAtMs: row.updated_at.getTime(),
  };
}

export async function readConversation(connection: Connection, scope: Scope, id: string): Promise<Conversation | null> {
  const row = await connection
    .selectFrom('conversations')
    .select(CONVERSATION_COLUMNS)
    .where(owned(scope))
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : fromConversationRow(row);
}

/**
 * Lock a conversation against new turns, items and deletion until the transaction ends.
 * @returns null when there is none.
 * @throws `conversation.busy` when a turn is running in it.
 */
export async function lockIdleConversation(
  connection: Connection,
  scope: Scope,
  id: string,
): Promise<Conversation | null> {
  const row = await connection
    .selectFrom('conversations')
    .select(CONVERSATION_COLUMNS)
    .where(owned(scope))
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return null;
  const { rows } = await sql<{ id: string }>`
    select id from turns where ${owned(scope)} and conversation_id = ${id}::text
      and kind = 'response' and status in ('queued', 'in_progress')
    order by status = 'in_progress' desc limit 1`.execute(connection);
  if (rows[0] !== undefined) {
    throw failure(
      'conversation.busy',
      `the response ${rows[0].id} is still running in this conversation; wait for it or cancel it`,
    );
  }
  return fromConversationRow(row);
}

export function conversationMissing(id: string): Error {
  return failure('conversation.not-found', `there is no conversation ${id}`);
}
