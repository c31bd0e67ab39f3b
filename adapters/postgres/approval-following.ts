/** Decisions of a turn that ended with the requests for them, taken over by the one turn that goes on with them. */
import { sql } from 'kysely';
import type { ApprovalRecord, ApprovalStore } from '../../domain/ports/approval-store.js';
import type { Scope } from '../../domain/scope.js';
import { APPROVAL_COLUMNS, fromApprovalRow } from './approval-rows.js';
import type { ApprovalRow } from './approval-rows.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';

export async function claimFollowed(
  connection: Connection,
  scope: Scope,
  turnId: string,
  ids: readonly string[],
): Promise<readonly ApprovalRecord[]> {
  const { rows } = await sql<ApprovalRow>`
    update approvals a set followed_by = ${turnId}::text
    where ${owned(scope, 'a')} and a.id = any(${[...ids]}::text[]) and a.decided_at is not null
      and (a.followed_by is null or a.followed_by = ${turnId}::text)
    returning ${sql.raw(APPROVAL_COLUMNS)}`.execute(connection);
  const found = rows.map(fromApprovalRow);
  return ids.flatMap((id) => found.filter((approval) => approval.id === id));
}

export async function carryOver(
  connection: Connection,
  scope: Scope,
  { turnId, step, calls }: Parameters<ApprovalStore['carryOver']>[1],
): Promise<void> {
  const carried = calls.map((call) => ({
    from_id: call.from,
    id: call.approvalId,
    call_index: call.callIndex,
    item_id: call.itemId,
  }));
  await sql`
    insert into approvals (tenant_id, id, turn_id, step, call_index, conversation_id, principal_id, item_id, name, arguments,
      arguments_hash, effect, because, mode, status, origin, decided_by, reason, edited_arguments, edited_hash, created_at,
      expires_at, decided_at, heard_at)
    select a.tenant_id, x.id, ${turnId}::text, ${step}::integer, x.call_index, a.conversation_id, a.principal_id, x.item_id,
      a.name, a.arguments, a.arguments_hash, a.effect, a.because, a.mode, a.status, a.origin, a.decided_by, a.reason,
      a.edited_arguments, a.edited_hash, a.created_at, a.expires_at, a.decided_at, ${new Date()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(carried)}::jsonb)
      as x(from_id text, id text, call_index integer, item_id text)
    join approvals a on ${owned(scope, 'a')} and a.id = x.from_id and a.decided_at is not null
      and a.followed_by = ${turnId}::text
    on conflict (turn_id, step, call_index, tenant_id) do update set item_id = excluded.item_id`.execute(connection);
}
