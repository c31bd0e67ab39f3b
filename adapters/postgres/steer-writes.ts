/**
 * Messages that join a running turn. Whether one came in time is decided by the turn's row: sending one raises
 * `pending_steers` there, and the statement that would close the turn reads it under the row's lock.
 */
import { sql } from 'kysely';
import { newId } from '../../domain/ids.js';
import type { Item } from '../../domain/item.js';
import type { NewSteer } from '../../domain/ports/steer-store.js';
import type { Scope } from '../../domain/scope.js';
import { MAX_PENDING_STEERS } from '../../domain/steer.js';
import type { PickedUpSteer, Steer } from '../../domain/steer.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';
import { toItemsJson } from './turn-rows.js';

interface SteerRow {
  readonly id: string;
  readonly turn_id: string;
  readonly status: string;
  readonly step: number | null;
  readonly moved_to: string | null;
  readonly items: unknown;
  readonly created_at: Date;
  readonly ended_at: Date | null;
}

const STEER_COLUMNS = sql.raw('s.id, s.turn_id, s.status, s.step, s.moved_to, s.items, s.created_at, s.ended_at');

function fromSteerRow(row: SteerRow): Steer {
  return {
    id: row.id,
    turnId: row.turn_id,
    answeredBy: row.moved_to ?? row.turn_id,
    status: row.status as Steer['status'],
    step: row.step,
    items: row.items as readonly Item[],
    createdAtMs: row.created_at.getTime(),
    endedAtMs: row.ended_at?.getTime() ?? null,
  };
}

/** @returns null when the turn does not run, or has as many as may wait. */
export async function insertSteer(connection: Connection, scope: Scope, steer: NewSteer): Promise<Steer | null> {
  const { rows } = await sql<SteerRow>`
    with joined as (
      update turns t set pending_steers = t.pending_steers + 1, steer_count = t.steer_count + 1
      where ${owned(scope, 't')} and t.id = ${steer.turnId}::text
        and t.kind = 'response' and t.status = 'in_progress' and t.pending_steers < ${MAX_PENDING_STEERS}::integer
      returning t.tenant_id, t.id, t.principal_id, t.steer_count)
    insert into steers as s (tenant_id, id, principal_id, turn_id, place, status, items, request_id, idempotency_key,
      request_hash, created_at)
    select j.tenant_id, ${steer.id}::text, j.principal_id, j.id, j.steer_count, 'pending',
      ${JSON.stringify(steer.items)}::jsonb, ${steer.requestId}::text, ${steer.idempotencyKey}::text,
      ${steer.requestHash}::text, ${new Date()}::timestamptz
    from joined j
    returning ${STEER_COLUMNS}`.execute(connection);
  return rows[0] === undefined ? null : fromSteerRow(rows[0]);
}

/**
 * Messages that wait become input items of the turn before `step`, after the output of the step before. The caller holds
 * the lock of the turn's row and has claimed the step.
 */
export async function takeSteers(
  connection: Connection,
  scope: Scope,
  turnId: string,
  step: number,
  now: Date,
): Promise<void> {
  const pending = await pendingSteers(connection, scope, turnId, step - 1);
  await sql`
    with taken as (
      update steers s set status = 'picked_up', step = ${step}::integer, ended_at = ${now}::timestamptz
      where ${owned(scope, 's')} and s.turn_id = ${turnId}::text and s.status = 'pending'),
    written as (
      insert into items (tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text)
      select t.tenant_id, t.id, ${step - 1}::integer, x.index, t.principal_id, 'input', x.item_id, x.type, x.data, x.text
      from turns t, jsonb_to_recordset(${toItemsJson(pending.items, pending.nextIndex)}::jsonb)
        as x(index integer, item_id text, type text, data jsonb, text text)
      where ${owned(scope, 't')} and t.id = ${turnId}::text)
    update turns set pending_steers = 0
    where ${owned(scope)} and id = ${turnId}::text`.execute(connection);
}

/** Those that wait, as one list of items, and the first free place in a step of their turn. */
async function pendingSteers(
  connection: Connection,
  scope: Scope,
  turnId: string,
  step: number,
): Promise<{ items: readonly Item[]; requestId: string; nextIndex: number }> {
  const { rows } = await sql<{ items: unknown; request_id: string; next_index: number }>`
    select s.items, s.request_id, (
      select coalesce(max(i.index) + 1, 0) from items i
      where i.tenant_id = s.tenant_id and i.turn_id = s.turn_id and i.step = ${step}::integer) as next_index
    from steers s
    where ${owned(scope, 's')} and s.turn_id = ${turnId}::text and s.status = 'pending'
    order by s.place`.execute(connection);
  return {
    items: rows.flatMap((row) => row.items as readonly Item[]),
    requestId: rows.at(-1)?.request_id ?? '',
    nextIndex: rows[0]?.next_index ?? 0,
  };
}

/** What joined the turn before this step, whichever attempt took it in. */
export async function steersOfStep(
  connection: Connection,
  scope: Scope,
  turnId: string,
  step: number,
): Promise<readonly PickedUpSteer[]> {
  const { rows } = await sql<SteerRow>`
    select ${STEER_COLUMNS} from steers s
    where ${owned(scope, 's')} and s.turn_id = ${turnId}::text and s.step = ${step}::integer
    order by s.place`.execute(connection);
  return rows.map((row) => ({ id: row.id, items: row.items as readonly Item[] }));
}

/**
 * What still waits when a turn ends goes into a turn of its own, with the settings of the one it was meant for. It waits
 * at the front of the queue: what waits there came into a conversation in which these messages were already pending.
 * @returns its id; null when nothing was left.
 */
export async function moveLeftovers(
  connection: Connection,
  scope: Scope,
  endedTurnId: string,
  now: Date,
): Promise<string | null> {
  const pending = await pendingSteers(connection, scope, endedTurnId, 0);
  if (pending.items.length === 0) return null;
  const movedTo = newId('response', now.getTime());
  await sql`
    with moved as (
      update steers s set status = 'moved', moved_to = ${movedTo}::text, ended_at = ${now}::timestamptz
      where ${owned(scope, 's')} and s.turn_id = ${endedTurnId}::text and s.status = 'pending'),
    turn as (
      insert into turns (tenant_id, id, principal_id, kind, conversation_id, parent_id, depth, status, settings, metadata,
        background, stored, request_id, next_sequence, created_at, queue_place)
      select t.tenant_id, ${movedTo}::text, t.principal_id, 'response', t.conversation_id,
        case when t.conversation_id is null then t.id end, t.depth + 1, 'queued', t.settings - 'fork', '{}'::jsonb, true, t.stored,
        ${pending.requestId}::text, 0, ${now}::timestamptz,
        coalesce((select min(q.queue_place) - 1 from turns q
          where q.tenant_id = t.tenant_id and q.conversation_id = t.conversation_id and q.status = 'queued'), 1)
      from turns t where ${owned(scope, 't')} and t.id = ${endedTurnId}::text
      returning tenant_id, id, principal_id)
    insert into items (tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text)
    select turn.tenant_id, turn.id, 0, x.index, turn.principal_id, 'input', x.item_id, x.type, x.data, x.text
    from turn, jsonb_to_recordset(${toItemsJson(pending.items)}::jsonb)
      as x(index integer, item_id text, type text, data jsonb, text text)`.execute(connection);
  return movedTo;
}

export async function listSteers(connection: Connection, scope: Scope, turnId: string): Promise<readonly Steer[]> {
  const { rows } = await sql<SteerRow>`
    select ${STEER_COLUMNS} from steers s
    where ${owned(scope, 's')} and s.turn_id = ${turnId}::text
    order by s.place`.execute(connection);
  return rows.map(fromSteerRow);
}

export async function readSteer(connection: Connection, scope: Scope, steerId: string): Promise<Steer | null> {
  const { rows } = await sql<SteerRow>`
    select ${STEER_COLUMNS} from steers s
    where ${owned(scope, 's')} and s.id = ${steerId}::text`.execute(connection);
  return rows[0] === undefined ? null : fromSteerRow(rows[0]);
}

/** @returns false when it does not wait. The turn's row is locked first, as everywhere. */
export async function cancelSteer(
  connection: Connection,
  scope: Scope,
  turnId: string,
  steerId: string,
): Promise<boolean> {
  await sql`
    select 1 from turns where ${owned(scope)} and id = ${turnId}::text for update`.execute(connection);
  const { rows } = await sql<{ cancelled: string }>`
    with gone as (
      update steers s set status = 'cancelled', ended_at = ${new Date()}::timestamptz
      where ${owned(scope, 's')} and s.turn_id = ${turnId}::text and s.id = ${steerId}::text
        and s.status = 'pending'
      returning 1),
    fewer as (
      update turns t set pending_steers = t.pending_steers - 1
      where ${owned(scope, 't')} and t.id = ${turnId}::text and exists (select 1 from gone))
    select count(*) as cancelled from gone`.execute(connection);
  return Number(rows[0]?.cancelled ?? 0) === 1;
}

/** By its Idempotency-Key, which is its owner's own: as all that is sent into a turn, it belongs to whom the turn belongs. */
export async function findByKey(
  connection: Connection,
  scope: Scope,
  turnId: string,
  key: string,
): Promise<{ readonly steer: Steer; readonly requestHash: string } | null> {
  const { rows } = await sql<SteerRow & { readonly request_hash: string }>`
    select ${STEER_COLUMNS}, s.request_hash
    from turns t join steers s on s.tenant_id = t.tenant_id and s.principal_id = t.principal_id
    where ${owned(scope, 't')} and t.id = ${turnId}::text and s.idempotency_key = ${key}::text`.execute(connection);
  return rows[0] === undefined ? null : { steer: fromSteerRow(rows[0]), requestHash: rows[0].request_hash };
}
