/**
 * Recorded steps of a turn, copied into a fork of it: items, calls with their receipts, results. Nothing of them runs again,
 * and the ledger of model calls is not copied: what they cost was paid by the turn they are from.
 */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import { withResult } from '../../domain/changed-result.js';
import type { ToolItem } from '../../domain/item.js';
import type { ForkedSteps } from '../../domain/ports/turn-store.js';
import type { TurnRecord } from '../../domain/turn.js';
import type { Connection } from './database.js';
import { objectColumn, toJson } from './json-columns.js';
import { toSearchText } from './turn-rows.js';

/** @param to the fork, just inserted in the same transaction; the source is of the same owner. */
export async function copySteps(connection: Connection, to: TurnRecord, fork: ForkedSteps): Promise<void> {
  const now = new Date(to.createdAtMs);
  const source = sql`tenant_id = ${to.tenantId}::text and turn_id = ${fork.turnId}::text and step <= ${fork.through}::integer`;
  await sql`
    with steps as (
      insert into turn_steps (tenant_id, turn_id, step, principal_id, attempt, result, claimed_at, committed_at)
      select tenant_id, ${to.id}::text, step, ${to.principalId}::text, 1, result, ${now}::timestamptz, ${now}::timestamptz
      from turn_steps where ${source} and result is not null),
    calls as (
      insert into tool_calls
      select (jsonb_populate_record(null::tool_calls,
        to_jsonb(k) || jsonb_build_object('turn_id', ${to.id}::text, 'principal_id', ${to.principalId}::text))).*
      from tool_calls k where ${source})
    insert into items (tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text)
    select tenant_id, ${to.id}::text, step, index, ${to.principalId}::text, direction, item_id, type, data, text
    from items where ${source} and (step > 0 or ${fork.input}::boolean)`.execute(connection);
  if (fork.toolResult !== null) await replaceResult(connection, to, fork.toolResult);
}

async function replaceResult(
  connection: Connection,
  to: TurnRecord,
  { itemId, text }: NonNullable<ForkedSteps['toolResult']>,
): Promise<void> {
  const place = sql`tenant_id = ${to.tenantId}::text and turn_id = ${to.id}::text and item_id = ${itemId}::text`;
  const { rows } = await sql<{ data: unknown }>`
    update tool_calls set status = 'completed', result = ${text}::text, full_result = null, error = null
    where ${place}
    returning (select i.data from items i
      where i.tenant_id = tool_calls.tenant_id and i.turn_id = tool_calls.turn_id and i.item_id = tool_calls.item_id
      limit 1) as data`.execute(connection);
  if (rows[0] === undefined) throw failure('item.not-found', `there is no call ${itemId} in the copied steps`);
  const item = withResult(objectColumn(rows[0].data, 'items.data') as ToolItem, text);
  await sql`
    update items set data = ${toJson(item)}::jsonb, text = ${toSearchText(item)}::text where ${place}`.execute(
    connection,
  );
}
