/** Opening approvals: the rows and their `mcp_approval_request` items, in one transaction. */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { McpApprovalRequestItem } from '../../domain/approval-item.js';
import type { NewApprovals, OpenedApproval } from '../../domain/ports/approval-store.js';
import type { Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnStatus } from '../../domain/turn.js';
import { APPROVAL_COLUMNS, fromApprovalRow } from './approval-rows.js';
import type { ApprovalRow } from './approval-rows.js';
import { IS_CONSENT } from './consents.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';
import { toItemsJson } from './turn-rows.js';

/** @throws as `ApprovalStore.open` says. */
export async function openApprovals(
  connection: Connection,
  scope: Scope,
  opening: NewApprovals,
): Promise<readonly OpenedApproval[]> {
  const principalId = await lockOpenTurn(connection, scope, opening.turnId);
  const made = await insertMissing(connection, scope, opening);
  const { rows } = await sql<ApprovalRow>`
    select ${sql.raw(APPROVAL_COLUMNS)} from approvals a
    where ${owned(scope, 'a')} and a.turn_id = ${opening.turnId}::text
      and a.step = ${opening.step}::integer
    order by a.call_index`.execute(connection);
  const approvals = rows.map(fromApprovalRow);
  const wanted = opening.calls.map(({ callIndex }) => approvals.find((each) => each.callIndex === callIndex));
  if (wanted.includes(undefined)) {
    const message = `a call of step ${String(opening.step)} of ${opening.turnId} is not there; the turn may have been deleted`;
    throw failure('item.not-found', message);
  }
  const asked = approvals.filter((each) => made.has(each.id) && each.status === 'pending');
  const places = await writeItems(connection, scope, opening, principalId, asked.map(toRequestItem));
  return wanted.flatMap((approval) =>
    approval === undefined
      ? []
      : [{ approval, openedNow: made.has(approval.id), outputIndex: places.get(approval.id) ?? null }],
  );
}

/**
 * Locked first: what closes the turn comes before or after, and in its place finds all approvals there are.
 * @returns whose turn it is.
 */
async function lockOpenTurn(connection: Connection, scope: Scope, turnId: string): Promise<string> {
  const { rows } = await sql<{ status: TurnStatus; principal_id: string }>`
    select status, principal_id from turns where ${owned(scope)} and id = ${turnId}::text for update`.execute(
    connection,
  );
  const [turn] = rows;
  if (turn === undefined)
    throw failure('response.not-found', `there is no response ${turnId}; it may have been deleted`);
  if (isTerminal(turn.status))
    throw failure('turn.cancelled', `nobody can be asked about ${turnId}: it has ended (${turn.status})`);
  return turn.principal_id;
}

/** @returns the ids of the approvals that were not there before. */
async function insertMissing(
  connection: Connection,
  scope: Scope,
  { turnId, step, mode, withinMs, calls }: NewApprovals,
): Promise<ReadonlySet<string>> {
  const now = new Date();
  const wanted = calls.map((call) => ({
    id: call.approvalId,
    call_index: call.callIndex,
    arguments_hash: call.argumentsHash,
    because: call.because,
    standing: call.standing,
  }));
  const { rows } = await sql<{ id: string }>`
    with wanted as (
      select x.*, t.conversation_id, t.principal_id, k.item_id, k.name, k.arguments, k.effect,
        x.standing and t.conversation_id is not null and exists (
          select 1 from approvals c
          where c.tenant_id = t.tenant_id and c.conversation_id = t.conversation_id and c.name = k.name
            and ${IS_CONSENT}) as consented
      from jsonb_to_recordset(${JSON.stringify(wanted)}::jsonb)
        as x(id text, call_index integer, arguments_hash text, because text, standing boolean)
      join turns t on ${owned(scope, 't')} and t.id = ${turnId}::text
      join tool_calls k on k.tenant_id = t.tenant_id and k.turn_id = t.id and k.step = ${step}::integer
        and k.call_index = x.call_index)
    insert into approvals (tenant_id, id, turn_id, step, call_index, conversation_id, principal_id, item_id, name, arguments,
      arguments_hash, effect, because, mode, status, origin, created_at, expires_at, decided_at, heard_at)
    select ${scope.tenantId}::text, w.id, ${turnId}::text, ${step}::integer, w.call_index, w.conversation_id, w.principal_id,
      w.item_id, w.name, w.arguments, w.arguments_hash, w.effect, w.because, ${mode}::text,
      case when w.consented then 'approved' else 'pending' end, case when w.consented then 'consent' end,
      ${now}::timestamptz, ${new Date(now.getTime() + withinMs)}::timestamptz,
      case when w.consented then ${now}::timestamptz end, case when w.consented then ${now}::timestamptz end
    from wanted w
    on conflict (turn_id, step, call_index, tenant_id) do nothing
    returning id`.execute(connection);
  return new Set(rows.map((row) => row.id));
}

function toRequestItem(approval: { id: string; name: string; arguments: string }): McpApprovalRequestItem {
  const { id, name } = approval;
  return { type: 'mcp_approval_request', id, name, arguments: approval.arguments, server_label: 'turnstone' };
}

/** After everything the step has; what was written by an earlier opening keeps its place. */
async function writeItems(
  connection: Connection,
  scope: Scope,
  { turnId, step }: NewApprovals,
  principalId: string,
  items: readonly McpApprovalRequestItem[],
): Promise<ReadonlyMap<string, number>> {
  if (items.length > 0) {
    await sql`
      insert into items (tenant_id, principal_id, turn_id, step, index, direction, item_id, type, data, text)
      select ${scope.tenantId}::text, ${principalId}::text, ${turnId}::text, ${step}::integer, x.index + 1 + (
          select coalesce(max(i.index), -1) from items i
          where ${owned(scope, 'i')} and i.turn_id = ${turnId}::text and i.step = ${step}::integer),
        'output', x.item_id, x.type, x.data, x.text
      from jsonb_to_recordset(${toItemsJson(items)}::jsonb)
        as x(index integer, item_id text, type text, data jsonb, text text)`.execute(connection);
  }
  const { rows } = await sql<{ item_id: string; type: string }>`
    select i.item_id, i.type from items i
    where ${owned(scope, 'i')} and i.turn_id = ${turnId}::text and i.direction = 'output'
    order by i.step, i.index`.execute(connection);
  const placed = rows.map((row, place) => ({ ...row, place })).filter((row) => row.type === 'mcp_approval_request');
  return new Map(placed.map((row) => [row.item_id, row.place]));
}
