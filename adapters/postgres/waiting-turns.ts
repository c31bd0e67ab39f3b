/**
 * Turns that wait for another of their conversation. Whoever puts one into the queue, or lets one out of it, holds the lock
 * of the conversation's row: so none is forgotten, and they begin in the order in which they came.
 */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { NextTurn, StrandedTurn } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { MAX_QUEUED_TURNS } from '../../domain/steer.js';
import type { TurnRecord } from '../../domain/turn.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';
import { moveLeftovers } from './steer-writes.js';
import { fromTurnRow, SEQUENCES_PER_ATTEMPT, TURN_COLUMNS } from './turn-rows.js';
import type { TurnRow } from './turn-rows.js';

/** Those that interrupt go first; within each kind, first come, first served. */
const ORDER = sql.raw('(q.interrupts is not null) desc, q.queue_place');

/** Until the transaction ends no turn of the conversation begins, ends or joins the queue. */
export async function lockConversation(connection: Connection, scope: Scope, id: string | null): Promise<void> {
  await sql`
    select 1 from conversations where ${owned(scope)} and id = ${id}::text for update`.execute(connection);
}

/**
 * The place behind all that wait; the caller holds the lock and puts a turn there.
 * @throws `conversation.queue-full`.
 */
export async function takePlace(connection: Connection, scope: Scope, conversationId: string | null): Promise<number> {
  const { rows } = await sql<{ waiting: string; last: string | null }>`
    with hint as (
      update conversations set has_waiting = true
      where ${owned(scope)} and id = ${conversationId}::text and not has_waiting)
    select count(*) as waiting, max(q.queue_place) as last from turns q
    where ${owned(scope, 'q')} and q.conversation_id = ${conversationId}::text and q.status = 'queued'`.execute(
    connection,
  );
  if (Number(rows[0]?.waiting ?? 0) >= MAX_QUEUED_TURNS) {
    throw failure(
      'conversation.queue-full',
      `${String(MAX_QUEUED_TURNS)} messages wait in this conversation, which is the most; wait for one to be answered, or cancel one`,
    );
  }
  return Number(rows[0]?.last ?? 0) + 1;
}

/**
 * What follows when a turn has closed: messages that waited to join it become a turn of their own, and the first that waits
 * begins. The caller has closed it in this transaction and holds the locks of its row and of its conversation.
 */
export async function followUp(
  connection: Connection,
  scope: Scope,
  closed: { readonly id: string; readonly conversationId: string | null; readonly pendingSteers: number },
  hasWaiting: boolean,
  now: Date,
): Promise<NextTurn | null> {
  const { id, conversationId, pendingSteers } = closed;
  const moved = pendingSteers > 0 ? await moveLeftovers(connection, scope, id, now) : null;
  if (conversationId === null) return moved === null ? null : beginWaiting(connection, scope, moved, now);
  return hasWaiting || moved !== null ? promoteNext(connection, scope, conversationId, now) : null;
}

/** Begin the turn that waits first. The caller holds the lock, and no turn runs. */
async function promoteNext(
  connection: Connection,
  scope: Scope,
  conversationId: string,
  now: Date,
): Promise<NextTurn | null> {
  for (;;) {
    const candidate = await firstWaiting(connection, scope, conversationId);
    if (candidate === null) return null;
    const begun = await beginWaiting(connection, scope, candidate, now);
    if (begun !== null) return begun;
    // Passed over: it was cancelled at this moment, or its user was revoked and it never runs.
    await cancelQueued(connection, scope, candidate);
  }
}

/** It goes on from the parent it names, else from the conversation's head as it is now. */
async function beginWaiting(connection: Connection, scope: Scope, turnId: string, now: Date): Promise<NextTurn | null> {
  const { rows } = await sql<TurnRow & { readonly first_sequence: string }>`
    with begun as (
      update turns t set status = 'in_progress', parent_id = p.id, depth = coalesce(p.depth + 1, 0),
        next_sequence = t.next_sequence + ${SEQUENCES_PER_ATTEMPT}::bigint
      from turns w
      left join conversations c on c.tenant_id = w.tenant_id and c.id = w.conversation_id
      left join turns p on p.tenant_id = w.tenant_id and p.id = coalesce(w.parent_id, c.head_turn_id)
      where ${owned(scope, 't')} and t.id = ${turnId}::text and t.status = 'queued'
        and w.tenant_id = t.tenant_id and w.id = t.id
        and not exists (
          select 1 from revoked_principals r where r.tenant_id = t.tenant_id and r.principal_id = t.principal_id)
      returning ${sql.raw(TURN_COLUMNS)}, t.next_sequence - ${SEQUENCES_PER_ATTEMPT}::bigint as first_sequence),
    step as (
      insert into turn_steps (tenant_id, turn_id, step, principal_id, attempt, claimed_at)
      select tenant_id, id, 1, principal_id, 1, ${now}::timestamptz from begun)
    select * from begun`.execute(connection);
  const [row] = rows;
  if (row === undefined) return null;
  return {
    turn: fromTurnRow(row),
    claim: { attempt: 1, firstSequence: Number(row.first_sequence), committed: null },
    startedAtMs: now.getTime(),
  };
}

/** @returns null when none waits; then the conversation says so, too. */
async function firstWaiting(connection: Connection, scope: Scope, conversationId: string): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select q.id from turns q
    where ${owned(scope, 'q')} and q.conversation_id = ${conversationId}::text and q.status = 'queued'
    order by ${ORDER} limit 1`.execute(connection);
  if (rows[0] !== undefined) return rows[0].id;
  await sql`
    update conversations set has_waiting = false
    where ${owned(scope)} and id = ${conversationId}::text`.execute(connection);
  return null;
}

/** What the sweeper does for a conversation in which nothing runs: a closing that was never followed up. */
export async function beginNext(
  connection: Connection,
  scope: Scope,
  conversationId: string,
): Promise<NextTurn | null> {
  await lockConversation(connection, scope, conversationId);
  const { rows } = await sql`
    select 1 from turns t
    where ${owned(scope, 't')} and t.conversation_id = ${conversationId}::text
      and t.kind = 'response' and t.status = 'in_progress'`.execute(connection);
  return rows.length > 0 ? null : promoteNext(connection, scope, conversationId, new Date());
}

/** It keeps its place in the tree: after what was the head when it was cancelled. Nobody continues from it by itself. */
export async function cancelQueued(connection: Connection, scope: Scope, turnId: string): Promise<TurnRecord | null> {
  const now = new Date();
  const { rows } = await sql<TurnRow>`
    with gone as (
      update turns t set status = 'cancelled', completed_at = ${now}::timestamptz, parent_id = p.id,
        depth = coalesce(p.depth + 1, 0)
      from turns self
      left join conversations c on c.tenant_id = self.tenant_id and c.id = self.conversation_id
      left join turns p on p.tenant_id = self.tenant_id and p.id = coalesce(self.parent_id, c.head_turn_id)
      where ${owned(scope, 't')} and t.id = ${turnId}::text and t.status = 'queued'
        and self.tenant_id = t.tenant_id and self.id = t.id
      returning ${sql.raw(TURN_COLUMNS)})
    select * from gone`.execute(connection);
  return rows[0] === undefined ? null : fromTurnRow(rows[0]);
}

export async function readQueuePosition(connection: Connection, scope: Scope, turnId: string): Promise<number | null> {
  const { rows } = await sql<{ position: string }>`
    select queue.position from turns t
    cross join lateral (
      select q.id, row_number() over (order by ${ORDER}) as position from turns q
      where q.tenant_id = t.tenant_id and q.conversation_id = t.conversation_id and q.status = 'queued') queue
    where ${owned(scope, 't')} and t.id = ${turnId}::text and t.status = 'queued'
      and queue.id = t.id`.execute(connection);
  return rows[0] === undefined ? null : Number(rows[0].position);
}

interface StrandedRow {
  readonly tenant_id: string;
  readonly id: string;
  readonly conversation_id: string;
  readonly interrupts: string | null;
}

/** Over all tenants: where nothing runs, and where what was to be stopped still runs. */
export async function listStrandedTurns(
  connection: Connection,
  createdBefore: Date,
  limit: number,
): Promise<readonly StrandedTurn[]> {
  const { rows } = await sql<StrandedRow>`
    select q.tenant_id, q.id, q.conversation_id, r.id as interrupts from turns q
    left join turns r on r.tenant_id = q.tenant_id and r.conversation_id = q.conversation_id
      and r.kind = 'response' and r.status = 'in_progress'
    where q.status = 'queued' and q.conversation_id is not null and q.created_at < ${createdBefore}::timestamptz
      and (r.id is null or r.id = q.interrupts)
    order by q.created_at, q.id limit ${limit}::integer`.execute(connection);
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    turnId: row.id,
    conversationId: row.conversation_id,
    interrupts: row.interrupts,
  }));
}
