/** How turns end and go: closing, deleting, and what the sweeper asks. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { NextTurn, OpenTurn, TurnEnding } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnRecord, TurnSettings, TurnStatus } from '../../domain/turn.js';
import { freeHolds } from './budget-settlement.js';
import type { Connection } from './database.js';
import { objectColumn } from './json-columns.js';
import { owned } from './ownership.js';
import { readTurn } from './turn-path.js';
import { errorJson } from './turn-rows.js';
import { cancelQueued, followUp } from './waiting-turns.js';

/**
 * The part of a closing statement that makes the closed turn the head of its conversation. A failed turn becomes no head:
 * the next message goes on from before it, as if it had not been asked. Returns `has_waiting`.
 * @param status how it ends; null where nothing closes.
 * @param source the part of the statement with the column conversation_id; empty when nothing closed.
 */
export function moveHead(
  scope: Scope,
  turnId: string,
  status: RawBuilder<unknown>,
  source: string,
  now: Date,
): RawBuilder<unknown> {
  return sql`update conversations c set
      head_turn_id = case when ${status} <> 'failed' then ${turnId}::text else c.head_turn_id end,
      updated_at = ${now}::timestamptz
    where ${status} is not null and ${owned(scope, 'c')}
      and c.id = (select ended.conversation_id from ${sql.raw(source)} ended)
    returning c.has_waiting`;
}

/** @returns the turn as it is now; closing happens once, whoever asks how often. */
export async function finishTurn(
  connection: Connection,
  scope: Scope,
  turnId: string,
  ending: TurnEnding,
): Promise<{ turn: TurnRecord; closedNow: boolean; next: NextTurn | null }> {
  // Locked first, in a statement of its own: what a step commits up to this moment is then seen by the closing statement.
  const locked = await sql<LockedRow>`
    select status, conversation_id, pending_steers from turns
    where ${owned(scope)} and id = ${turnId}::text for update`.execute(connection);
  const [row] = locked.rows;
  const closedNow = row !== undefined && !isTerminal(row.status);
  let next: NextTurn | null = null;
  if (closedNow && row.status === 'queued') await cancelQueued(connection, scope, turnId);
  else if (closedNow) next = await closeTurn(connection, scope, turnId, row, ending);
  const turn = await readTurn(connection, scope, turnId);
  if (turn === null) throw failure('response.not-found', `there is no response ${turnId}; it may have been deleted`);
  return { turn, closedNow, next };
}

interface LockedRow {
  readonly status: TurnStatus;
  readonly conversation_id: string | null;
  readonly pending_steers: number;
}

async function closeTurn(
  connection: Connection,
  scope: Scope,
  turnId: string,
  locked: LockedRow,
  ending: TurnEnding,
): Promise<NextTurn | null> {
  const now = new Date();
  const { rows } = await sql<{ has_waiting: boolean }>`
    with closed as (
      update turns set status = ${ending.status}::text, error = ${errorJson(ending.error)}::jsonb,
        incomplete_reason = ${ending.incompleteReason}::text, completed_at = ${now}::timestamptz
      where ${owned(scope)} and id = ${turnId}::text
      returning conversation_id),
    items_ended as (
      update items i set data = jsonb_set(i.data, '{status}',
          case when i.type = 'web_search_call' then '"failed"'::jsonb else '"incomplete"'::jsonb end)
      where ${owned(scope, 'i')} and i.turn_id = ${turnId}::text and i.direction = 'output'
        and i.data ->> 'status' in ('in_progress', 'interpreting', 'searching')),
    calls_ended as (
      update tool_calls k set finished_at = ${now}::timestamptz,
        status = case when k.status = 'running' and k.effect = 'unkeyed' then 'outcome_unknown' else 'cancelled' end
      where ${owned(scope, 'k')} and k.turn_id = ${turnId}::text
        and k.kind = 'tool' and k.status in ('pending', 'running')),
    approvals_withdrawn as (
      update approvals a set status = 'cancelled', origin = 'cancel', decided_at = ${now}::timestamptz,
        heard_at = ${now}::timestamptz
      where ${owned(scope, 'a')} and a.turn_id = ${turnId}::text and a.status = 'pending'
        and (a.mode = 'wait' or ${ending.status}::text <> 'completed')),
    ${freeHolds(scope, turnId)}
    ${moveHead(scope, turnId, sql`${ending.status}::text`, 'closed', now)}`.execute(connection);
  const closed = { id: turnId, conversationId: locked.conversation_id, pendingSteers: locked.pending_steers };
  return followUp(connection, scope, closed, rows[0]?.has_waiting === true, now);
}

/** Children and the conversation's head move up to the deleted turn's parent. */
export async function removeTurn(connection: Connection, scope: Scope, turnId: string): Promise<boolean> {
  const { rows } = await sql<{ status: TurnStatus }>`
    select status from turns where ${owned(scope)} and id = ${turnId}::text for update`.execute(connection);
  if (rows[0] === undefined) return false;
  if (!isTerminal(rows[0].status)) {
    throw failure('response.still-running', `the response ${turnId} has not ended; cancel it first`);
  }
  await sql`
    with gone as (
      delete from turns where ${owned(scope)} and id = ${turnId}::text
      returning parent_id, conversation_id),
    children as (
      update turns t set parent_id = (select gone.parent_id from gone)
      where ${owned(scope, 't')} and t.parent_id = ${turnId}::text)
    update conversations c set head_turn_id = (select gone.parent_id from gone)
    where ${owned(scope, 'c')} and c.id = (select gone.conversation_id from gone)
      and c.head_turn_id = ${turnId}::text`.execute(connection);
  return true;
}

interface OpenTurnRow {
  readonly tenant_id: string;
  readonly principal_id: string;
  readonly id: string;
  readonly conversation_id: string | null;
  readonly request_id: string;
  readonly settings: unknown;
  readonly created_at: Date;
}

/** Over all tenants, oldest first. */
export async function listOpenTurns(
  connection: Connection,
  createdBefore: Date,
  limit: number,
  after: Pick<OpenTurn, 'createdAtMs' | 'turnId'> | null,
): Promise<readonly OpenTurn[]> {
  const afterTime = after === null ? null : new Date(after.createdAtMs);
  const { rows } = await sql<OpenTurnRow>`
    select tenant_id, principal_id, id, conversation_id, request_id, settings, created_at from turns
    where status = 'in_progress' and created_at < ${createdBefore}::timestamptz
      and (${afterTime}::timestamptz is null or (created_at, id) > (${afterTime}::timestamptz, ${after?.turnId ?? null}::text))
    order by created_at, id limit ${limit}::integer`.execute(connection);
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    principalId: row.principal_id,
    turnId: row.id,
    conversationId: row.conversation_id,
    requestId: row.request_id,
    settings: objectColumn(row.settings, 'turns.settings') as TurnSettings,
    createdAtMs: row.created_at.getTime(),
  }));
}

/** Over all tenants. Turns of a conversation stay: the conversation keeps them, whatever the request said about itself. */
export async function purgeUnstoredTurns(connection: Connection, endedBefore: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ purged: string }>`
    with gone as (
      delete from turns t using (
        select tenant_id, id from turns
        where not stored and completed_at < ${endedBefore}::timestamptz and conversation_id is null
        order by completed_at limit ${limit}::integer) old
      where t.tenant_id = old.tenant_id and t.id = old.id
      returning 1)
    select count(*) as purged from gone`.execute(connection);
  return Number(rows[0]?.purged ?? 0);
}
