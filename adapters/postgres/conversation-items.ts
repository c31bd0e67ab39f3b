/** Items that clients put into a conversation or take out of it by hand. */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { Item } from '../../domain/item.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { Conversation } from '../../domain/ports/conversation-store.js';
import { NO_USAGE } from '../../domain/pricing.js';
import type { Scope } from '../../domain/scope.js';
import type { StoredItem, TurnRecord, TurnSettings } from '../../domain/turn.js';
import { conversationMissing, lockIdleConversation } from './conversation-rows.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';
import { fromItemRow, ITEM_COLUMNS, titleFrom, toItemsJson, toTurnJson } from './turn-rows.js';
import type { ItemRow } from './turn-rows.js';

export async function readItem(
  connection: Connection,
  scope: Scope,
  id: string,
  itemId: string,
): Promise<StoredItem | null> {
  const { rows } = await sql<ItemRow>`
    select ${sql.raw(ITEM_COLUMNS)}
    from items i join turns t on t.tenant_id = i.tenant_id and t.id = i.turn_id
    where ${owned(scope, 'i')} and i.item_id = ${itemId}::text and t.conversation_id = ${id}::text
    order by t.depth desc, i.step desc, i.index desc limit 1`.execute(connection);
  return rows[0] === undefined ? null : fromItemRow(rows[0]);
}

export async function addItems(
  connection: Connection,
  scope: Scope,
  id: string,
  nodeId: string,
  items: readonly Item[],
): Promise<readonly StoredItem[]> {
  const conversation = await lockIdleConversation(connection, scope, id);
  if (conversation === null) throw conversationMissing(id);
  const node = toItemsNode(scope, nodeId, conversation);
  await sql`
    with node as (
      insert into turns (tenant_id, id, principal_id, kind, conversation_id, parent_id, depth, status, settings, metadata,
        background, stored, request_id, created_at, completed_at)
      select n.tenant_id, n.id, n.principal_id, n.kind, n.conversation_id, n.parent_id,
        coalesce((select p.depth + 1 from turns p where p.tenant_id = n.tenant_id and p.id = n.parent_id), 0),
        n.status, n.settings, n.metadata, n.background, n.stored, n.request_id, n.created_at, n.completed_at
      from jsonb_populate_recordset(null::turns, ${JSON.stringify([toTurnJson(node, 0)])}::jsonb) n
      returning tenant_id, id, principal_id),
    added as (
      insert into items (tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text)
      select node.tenant_id, node.id, 0, x.index, node.principal_id, 'input', x.item_id, x.type, x.data, x.text
      from node, jsonb_to_recordset(${toItemsJson(items)}::jsonb)
        as x(index integer, item_id text, type text, data jsonb, text text))
    update conversations set head_turn_id = ${nodeId}::text, updated_at = ${new Date(node.createdAtMs)}::timestamptz,
      title = coalesce(title, ${titleFrom(items)}::text)
    where ${owned(scope)} and id = ${id}::text`.execute(connection);
  return items.map((item, index) => ({ turnId: nodeId, step: 0, index, direction: 'input', item }));
}

/** @throws `conversation.busy` when the item belongs to a turn that is still running. */
export async function removeItem(connection: Connection, scope: Scope, id: string, itemId: string): Promise<boolean> {
  const { rows } = await sql<{ turn_id: string; status: string; removed: boolean }>`
    with found as (
      select i.tenant_id, i.turn_id, i.step, i.index, t.status
      from items i join turns t on t.tenant_id = i.tenant_id and t.id = i.turn_id
      where ${owned(scope, 'i')} and i.item_id = ${itemId}::text and t.conversation_id = ${id}::text),
    calls as (
      delete from tool_calls k using found f
      where f.status not in ('queued', 'in_progress') and k.tenant_id = f.tenant_id and k.turn_id = f.turn_id
        and k.step = f.step and k.item_id = ${itemId}::text),
    gone as (
      delete from items i using found f
      where f.status not in ('queued', 'in_progress') and i.tenant_id = f.tenant_id and i.turn_id = f.turn_id
        and i.step = f.step and i.index = f.index
      returning i.turn_id)
    select f.turn_id, f.status, exists (select 1 from gone g where g.turn_id = f.turn_id) as removed from found f`.execute(
    connection,
  );
  const held = rows.find((row) => !row.removed);
  if (held !== undefined) {
    throw failure(
      'conversation.busy',
      `the item belongs to the running response ${held.turn_id}; wait for it or cancel it`,
    );
  }
  return rows.length > 0;
}

/** It belongs to whom the conversation belongs, whoever adds it. */
function toItemsNode(scope: Scope, nodeId: string, conversation: Conversation): TurnRecord {
  const nowMs = Date.now();
  return {
    id: nodeId,
    tenantId: scope.tenantId,
    principalId: conversation.principalId,
    kind: 'items',
    conversationId: conversation.id,
    parentId: conversation.headTurnId,
    status: 'completed',
    settings: NO_SETTINGS,
    metadata: {},
    background: false,
    stored: true,
    requestId: '',
    usage: NO_USAGE,
    costMicros: 0,
    costIncomplete: false,
    error: null,
    incompleteReason: null,
    answeredBy: null,
    lastSequence: null,
    createdAtMs: nowMs,
    completedAtMs: nowMs,
  };
}

/** A node that only holds items never runs: nothing of this is ever used. */
const NO_SETTINGS: TurnSettings = {
  agent: { name: '', version: '' },
  requestedModel: '',
  modelChain: [],
  agentInstructions: '',
  instructions: null,
  tools: [],
  clientFunctions: [],
  requestedTools: [],
  toolChoice: 'none',
  parallelToolCalls: false,
  temperature: null,
  topP: null,
  maxOutputTokens: null,
  maxToolCalls: null,
  textFormat: { type: 'text' },
  reasoningEffort: null,
  truncation: 'disabled',
  limits: DEFAULT_LIMITS,
  user: null,
};
