/** Export and import of whole conversations. An import gets new ids everywhere and keeps the shape of the tree. */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { Conversation, ConversationBundle } from '../../domain/ports/conversation-store.js';
import type { Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import type { StoredItem, TurnRecord } from '../../domain/turn.js';
import { planImport } from './bundle-ids.js';
import type { ImportPlan } from './bundle-ids.js';
import { readConversation } from './conversation-rows.js';
import type { Connection } from './database.js';
import { toJson } from './json-columns.js';
import { owned, ownerId } from './ownership.js';
import { fromItemRow, fromTurnRow, ITEM_COLUMNS, toSearchText, toTurnJson, TURN_COLUMNS } from './turn-rows.js';
import type { ItemRow, TurnRow } from './turn-rows.js';

type BundledTurn = ConversationBundle['turns'][number];

/** All branches, parents before their children. What still waits is not part of the conversation yet. */
export async function exportConversation(
  connection: Connection,
  scope: Scope,
  id: string,
): Promise<ConversationBundle | null> {
  const conversation = await readConversation(connection, scope, id);
  if (conversation === null) return null;
  const turns = await sql<TurnRow>`
    select ${sql.raw(TURN_COLUMNS)} from turns t
    where ${owned(scope, 't')} and t.conversation_id = ${id}::text and t.status <> 'queued'
    order by t.depth, t.created_at, t.id`.execute(connection);
  const items = await sql<ItemRow>`
    select ${sql.raw(ITEM_COLUMNS)}
    from turns t join items i on i.tenant_id = t.tenant_id and i.turn_id = t.id
    where ${owned(scope, 't')} and t.conversation_id = ${id}::text
    order by i.turn_id, i.step, i.index`.execute(connection);
  const itemsOf = new Map<string, StoredItem[]>();
  for (const { turn_id } of items.rows) itemsOf.set(turn_id, []);
  for (const item of items.rows.map(fromItemRow)) itemsOf.get(item.turnId)?.push(item);
  return {
    conversation,
    turns: turns.rows.map(fromTurnRow).map((turn) => ({ turn, items: itemsOf.get(turn.id) ?? [] })),
  };
}

/** @throws `request.invalid` when the bundle contradicts itself. */
export async function importConversation(
  connection: Connection,
  scope: Scope,
  bundle: ConversationBundle,
): Promise<Conversation> {
  const plan = planImport(bundle);
  const source = bundle.conversation;
  await sql`
    insert into conversations (tenant_id, id, principal_id, title, metadata, archived, head_turn_id, created_at, updated_at)
    values (${scope.tenantId}::text, ${plan.conversationId}::text, ${ownerId(scope)}::text, ${source.title}::text,
      ${toJson(source.metadata)}::jsonb, ${source.archived}::boolean, ${plan.headTurnId}::text,
      ${new Date(source.createdAtMs)}::timestamptz, ${new Date(source.updatedAtMs)}::timestamptz)`.execute(connection);
  const turns = bundle.turns.map(({ turn }) => toTurnJson(toOwnTurn(scope, turn, plan), plan.depthOf(turn.id)));
  await sql`
    insert into turns (tenant_id, id, principal_id, kind, conversation_id, parent_id, depth, status, settings, metadata,
      background, stored, request_id, input_tokens, cached_tokens, output_tokens, reasoning_tokens, usage_estimated,
      cost_micros, cost_incomplete, error, incomplete_reason, answered_by, next_sequence, last_sequence, created_at, completed_at)
    select tenant_id, id, principal_id, kind, conversation_id, parent_id, depth, status, settings, metadata,
      background, stored, request_id, input_tokens, cached_tokens, output_tokens, reasoning_tokens, usage_estimated,
      cost_micros, cost_incomplete, error, incomplete_reason, answered_by, next_sequence, last_sequence, created_at, completed_at
    from jsonb_populate_recordset(null::turns, ${JSON.stringify(turns)}::jsonb)`.execute(connection);
  const items = bundle.turns.flatMap((turn) => toItemRows(scope, turn, plan));
  await sql`
    insert into items (tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text)
    select tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text
    from jsonb_populate_recordset(null::items, ${JSON.stringify(items)}::jsonb)`.execute(connection);
  const imported = await readConversation(connection, scope, plan.conversationId);
  if (imported === null) throw failure('server.internal', 'an imported conversation cannot be read');
  return imported;
}

/** A turn that was running when it was exported runs nowhere now: it is cancelled here. */
function toOwnTurn(scope: Scope, turn: TurnRecord, plan: ImportPlan): TurnRecord {
  const ended = isTerminal(turn.status);
  return {
    ...turn,
    id: plan.turnIdOf(turn.id),
    tenantId: scope.tenantId,
    principalId: ownerId(scope),
    conversationId: plan.conversationId,
    parentId: turn.parentId === null ? null : plan.turnIdOf(turn.parentId),
    status: ended ? turn.status : 'cancelled',
    completedAtMs: ended ? turn.completedAtMs : Date.now(),
  };
}

function toItemRows(scope: Scope, { turn, items }: BundledTurn, plan: ImportPlan): object[] {
  return items.map(({ step, index, direction, item }) => {
    const own = plan.renamed(item);
    return {
      tenant_id: scope.tenantId,
      turn_id: plan.turnIdOf(turn.id),
      step,
      index,
      principal_id: ownerId(scope),
      direction,
      item_id: own.id,
      type: own.type,
      data: own,
      text: toSearchText(own),
    };
  });
}
