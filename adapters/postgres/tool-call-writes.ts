/** Claiming and committing tool calls: the intent is written before the tool runs, the receipt after it. */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { ToolClaim, ToolReceipt } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { ToolCallKey, ToolCallStatus } from '../../domain/tool.js';
import { LAST } from './batched-transaction.js';
import type { Connection } from './database.js';
import { toJson } from './json-columns.js';
import { owned } from './ownership.js';
import { errorJson, fromItemRow, fromToolCallRow, ITEM_COLUMNS, TOOL_CALL_COLUMNS, toSearchText } from './turn-rows.js';
import type { ItemRow, ToolCallRow } from './turn-rows.js';

/** What a claim leaves as it was: all columns but status and attempt. */
const UNCHANGED_COLUMNS = TOOL_CALL_COLUMNS.replace(' k.status,', '')
  .replace(' k.attempt,', '')
  .replaceAll('k.', 'before.');

/**
 * Every claim of an unfinished call raises its attempt, so that what an earlier attempt still writes is refused. A call
 * that had been begun, and whose tool cannot bear a second run, is handed out as `unknown`.
 */
export async function claimTool(connection: Connection, scope: Scope, key: ToolCallKey): Promise<ToolClaim> {
  const { rows } = await sql<ToolCallRow & { readonly status_before: ToolCallStatus }>`
    with before as (
      select k.tenant_id, ${sql.raw(TOOL_CALL_COLUMNS)} from tool_calls k
      where ${owned(scope, 'k')} and k.turn_id = ${key.turnId}::text and k.step = ${key.step}::integer
        and k.call_index = ${key.callIndex}::integer
      for update),
    claimed as (
      update tool_calls k set status = 'running', attempt = k.attempt + 1, started_at = ${new Date()}::timestamptz
      where ${owned(scope, 'k')} and k.turn_id = ${key.turnId}::text and k.step = ${key.step}::integer
        and k.call_index = ${key.callIndex}::integer and exists (select 1 from before where status in ('pending', 'running'))
      returning k.status, k.attempt)
    select ${sql.raw(UNCHANGED_COLUMNS)}, before.status as status_before,
      coalesce(claimed.status, before.status) as status, coalesce(claimed.attempt, before.attempt) as attempt
    from before left join claimed on true`.execute(connection);
  const [row] = rows;
  if (row === undefined) throw missing(key);
  const items = await sql<ItemRow>`
    select ${sql.raw(ITEM_COLUMNS)} from items i
    where ${owned(scope, 'i')} and i.turn_id = ${key.turnId}::text and i.step = ${key.step}::integer
      and i.item_id = ${row.item_id}::text
    order by i.index limit 1 ${LAST}`.execute(connection);
  if (items.rows[0] === undefined) throw missing(key);
  return {
    call: fromToolCallRow(row),
    item: fromItemRow(items.rows[0]),
    decision: decide(row.effect, row.status_before),
  };
}

function decide(effect: string, before: ToolCallStatus): ToolClaim['decision'] {
  if (before === 'pending') return 'run';
  if (before !== 'running') return 'done';
  return effect === 'unkeyed' ? 'unknown' : 'run';
}

/** The receipt and the finished item, or nothing when a newer attempt holds the call or it has been closed. */
export async function commitTool(connection: Connection, scope: Scope, receipt: ToolReceipt): Promise<boolean> {
  const { item } = receipt;
  const { rows } = await sql<{ committed: string }>`
    with receipt as (
      update tool_calls set status = ${receipt.status}::text, result = ${receipt.result}::text,
        full_result = ${receipt.fullResult}::text, result_hash = ${receipt.resultHash}::text,
        error = ${errorJson(receipt.error)}::jsonb, duration_ms = ${Math.round(receipt.durationMs)}::bigint,
        finished_at = ${new Date()}::timestamptz
      where ${owned(scope)} and turn_id = ${receipt.turnId}::text and step = ${receipt.step}::integer
        and call_index = ${receipt.callIndex}::integer and attempt = ${receipt.attempt}::integer and status = 'running'
      returning item_id),
    finished as (
      update items i set data = ${toJson(item)}::jsonb, type = ${item.type}::text, text = ${toSearchText(item)}::text
      where ${owned(scope, 'i')} and i.turn_id = ${receipt.turnId}::text
        and i.step = ${receipt.step}::integer and i.item_id = (select r.item_id from receipt r))
    select count(*) as committed from receipt ${LAST}`.execute(connection);
  return Number(rows[0]?.committed ?? 0) === 1;
}

function missing(key: ToolCallKey): Error {
  const name = `call ${String(key.callIndex)} of step ${String(key.step)} of ${key.turnId}`;
  return failure('item.not-found', `there is no ${name}; the turn may have been deleted`);
}
