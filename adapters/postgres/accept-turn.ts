/**
 * Accepting a turn: one look at everything that could speak against it, then one statement that writes it. Where another
 * turn of the conversation runs and the message may wait, the conversation is locked and looked at again first.
 */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import { NO_USAGE } from '../../domain/pricing.js';
import type { AcceptOutcome, NewTurn, StepContext } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { TurnRecord } from '../../domain/turn.js';
import { objectionAgainst, tooManySteers } from './accept-objections.js';
import type { Surroundings } from './accept-objections.js';
import { appliedBudgets } from './budget-admission.js';
import { lastIf } from './batched-transaction.js';
import type { Connection, Database } from './database.js';
import { copySteps } from './fork-copy.js';
import { toJson } from './json-columns.js';
import { owned, ownerId } from './ownership.js';
import { insertSteer, readSteer } from './steer-writes.js';
import { sqlStateOf, violates } from './store-failure.js';
import { insertCredential } from './turn-credentials.js';
import { readTurn } from './turn-path.js';
import { SEQUENCES_PER_ATTEMPT, titleFrom, toItemsJson } from './turn-rows.js';
import { lockConversation, takePlace } from './waiting-turns.js';

/** Two requests that meet see each other on the second look; the third is for a turn that ended in between. */
const MAX_ROUNDS = 4;
const FOREIGN_KEY_VIOLATION = '23503';

/** @throws as `TurnStore.accept` says. */
export async function acceptTurn(database: Database, scope: Scope, turn: NewTurn): Promise<AcceptOutcome> {
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    try {
      const outcome = await database.write(scope, (connection) => acceptOnce(connection, scope, turn));
      if (outcome !== null) return outcome;
    } catch (error) {
      if (!isRace(error)) throw error;
    }
  }
  throw failure('conversation.busy', 'other requests keep changing this conversation; try again');
}

/** @returns null when another request changed what had been seen; then nothing was written. */
async function acceptOnce(
  connection: Connection,
  scope: Scope,
  turn: NewTurn,
  locked = false,
): Promise<AcceptOutcome | null> {
  const around = await lookAround(connection, scope, turn);
  if (around.replay_hash !== null) return replay(connection, scope, turn, around);
  const objection = objectionAgainst(scope, turn, around);
  if (objection !== null) throw objection;
  const runningId = around.busy_id;
  if (runningId !== null) {
    if (joins(turn, runningId)) return join(connection, scope, turn, runningId);
    if (locked) return enqueue(connection, scope, turn, around, runningId);
    await lockConversation(connection, scope, around.conversation_id);
    return acceptOnce(connection, scope, turn, true);
  }
  const accepted = toAcceptedTurn(scope, turn, around);
  if (!(await insertTurn(connection, scope, turn, accepted, around))) return null;
  if (turn.fork !== undefined) await copySteps(connection, accepted, turn.fork);
  const context = firstContext(turn, accepted, around);
  return { kind: 'accepted', turn: accepted, ...(context === null ? {} : { context }) };
}

async function replay(
  connection: Connection,
  scope: Scope,
  turn: NewTurn,
  around: Surroundings,
): Promise<AcceptOutcome | null> {
  if (around.replay_hash !== turn.requestHash) {
    throw failure('request.idempotency-mismatch', 'this Idempotency-Key came with another body before; use a new key');
  }
  const steer = around.replay_steer_id === null ? null : await readSteer(connection, scope, around.replay_steer_id);
  const turnId = around.replay_id ?? steer?.answeredBy ?? null;
  const replayed = turnId === null ? null : await readTurn(connection, scope, turnId);
  if (replayed === null) return null;
  return steer === null ? { kind: 'replayed', turn: replayed } : { kind: 'steered', turn: replayed, steer };
}

/** A message that names another turn to go on from is a branch, and one with a provider key is a turn of its own: neither joins. */
function joins(turn: NewTurn, runningId: string): boolean {
  const free = turn.credential === undefined && turn.onConflict === 'steer';
  return free && (turn.parentId === undefined || turn.parentId === runningId);
}

/** @returns null when the turn ended at this moment. */
async function join(
  connection: Connection,
  scope: Scope,
  turn: NewTurn,
  runningId: string,
): Promise<AcceptOutcome | null> {
  const { requestId, idempotencyKey, requestHash, input } = turn;
  const sent = { id: newId('steer'), turnId: runningId, requestId, idempotencyKey, requestHash, items: input };
  const steer = await insertSteer(connection, scope, sent);
  const running = await readTurn(connection, scope, runningId);
  if (steer === null && running?.status === 'in_progress') throw tooManySteers(runningId);
  return steer === null || running === null ? null : { kind: 'steered', turn: running, steer };
}

/** The caller holds the lock of the conversation, and has seen under it that a turn runs. */
async function enqueue(
  connection: Connection,
  scope: Scope,
  turn: NewTurn,
  around: Surroundings,
  runningId: string,
): Promise<AcceptOutcome | null> {
  const place = await takePlace(connection, scope, around.conversation_id);
  const interrupts = turn.onConflict === 'interrupt' ? runningId : null;
  // A parent that was named stays; without one it is the head when its turn comes.
  const parentId = typeof turn.parentId === 'string' ? around.parent_id : null;
  const queued: TurnRecord = { ...toAcceptedTurn(scope, turn, around), parentId, status: 'queued' };
  const written = await insertTurn(connection, scope, turn, queued, around, { place, interrupts });
  return written ? { kind: 'queued', turn: queued, interrupts } : null;
}

/** Where nothing came before the turn, all that its first step is built from has just been written. */
function firstContext(turn: NewTurn, accepted: TurnRecord, around: Surroundings): StepContext | null {
  if (accepted.conversationId !== null || accepted.parentId !== null || turn.fork !== undefined) return null;
  return {
    turn: accepted,
    path: turn.input.map((item, index) => ({ turnId: turn.id, step: 0, index, direction: 'input', item })),
    toolCalls: [],
    budgeted: (around.budgets ?? []).length > 0,
  };
}

/** `lateral … limit 1` makes the planner look each row up by its id; as a join it reads all rows of the tenant. */
async function lookAround(connection: Connection, scope: Scope, turn: NewTurn): Promise<Surroundings> {
  const { rows } = await sql<Surroundings>`
    select r.id as replay_id, coalesce(r.request_hash, z.request_hash) as replay_hash, z.id as replay_steer_id,
           c.id as conversation_id, c.principal_id as conversation_owner, c.head_turn_id,
           p.id as parent_id, p.principal_id as parent_owner, p.status as parent_status, p.kind as parent_kind, p.stored as parent_stored,
           p.conversation_id as parent_conversation_id, p.depth as parent_depth,
           b.id as busy_id, ${appliedBudgets(scope)} as budgets,
           exists (select 1 from revoked_principals v
             where v.tenant_id = me.tenant_id and v.principal_id = ${scope.principalId}::text) as revoked
    from (select ${scope.tenantId}::text as tenant_id) as me
    left join turns n on ${owned(scope, 'n')} and n.id = ${turn.parentId ?? null}::text
    left join lateral (
      select c.id, c.principal_id, c.head_turn_id from conversations c
      where ${owned(scope, 'c')} and c.id = coalesce(${turn.conversationId}::text, n.conversation_id)
      limit 1) c on true
    left join lateral (
      select p.* from turns p
      where ${owned(scope, 'p')}
        and p.id = case when ${turn.parentId === undefined}::boolean then c.head_turn_id else n.id end
      limit 1) p on true
    left join turns r on r.tenant_id = me.tenant_id and r.idempotency_key = ${turn.idempotencyKey}::text
      and r.principal_id = coalesce(c.principal_id, p.principal_id, ${scope.principalId}::text)
    left join steers z on z.tenant_id = me.tenant_id and z.idempotency_key = ${turn.idempotencyKey}::text
      and z.principal_id = coalesce(c.principal_id, p.principal_id, ${scope.principalId}::text)
    left join turns b on b.tenant_id = me.tenant_id and b.conversation_id = c.id
      and b.kind = 'response' and b.status = 'in_progress'`.execute(connection);
  const [around] = rows;
  if (around === undefined) throw failure('server.internal', 'a query that always has one row had none');
  return around;
}

function toAcceptedTurn(scope: Scope, turn: NewTurn, around: Surroundings): TurnRecord {
  return {
    id: turn.id,
    tenantId: scope.tenantId,
    // What is added to a conversation or goes on from a response belongs to whom that belongs.
    principalId: around.conversation_owner ?? around.parent_owner ?? ownerId(scope),
    kind: 'response',
    conversationId: around.conversation_id,
    parentId: around.parent_id,
    status: 'in_progress',
    settings: turn.settings,
    metadata: turn.metadata,
    background: turn.background,
    stored: turn.stored,
    requestId: turn.requestId,
    usage: NO_USAGE,
    costMicros: 0,
    costIncomplete: false,
    error: null,
    incompleteReason: null,
    answeredBy: null,
    lastSequence: null,
    createdAtMs: Date.now(),
    completedAtMs: null,
  };
}

/**
 * The turn, its first step and its input in one statement. In a conversation that statement first locks the conversation's
 * row and checks that its head is the one seen: so a message, items added by hand and a deletion cannot pass each other.
 * @param waits where it waits; then it has no head to check and no step yet.
 * @returns false when the head has moved or the conversation is gone.
 */
async function insertTurn(
  connection: Connection,
  scope: Scope,
  turn: NewTurn,
  accepted: TurnRecord,
  around: Surroundings,
  waits: { readonly place: number; readonly interrupts: string | null } | null = null,
): Promise<boolean> {
  const now = new Date(accepted.createdAtMs);
  const place =
    accepted.conversationId === null
      ? sql`place as (select 1)`
      : sql`place as (
          update conversations set updated_at = ${now}::timestamptz, title = coalesce(title, ${titleFrom(turn.input)}::text)
          where ${owned(scope)} and id = ${accepted.conversationId}::text
            and (not ${turn.parentId === undefined && waits === null}::boolean or head_turn_id is not distinct from ${around.head_turn_id}::text)
          returning 1)`;
  const { rows } = await sql<{ accepted: string }>`
    with ${place},
    turn as (
      insert into turns (tenant_id, id, principal_id, kind, conversation_id, parent_id, depth, status, settings, metadata,
        background, stored, request_id, idempotency_key, request_hash, next_sequence, created_at, queue_place, interrupts)
      select ${accepted.tenantId}::text, ${turn.id}::text, ${accepted.principalId}::text, 'response',
        ${accepted.conversationId}::text, ${accepted.parentId}::text, ${(around.parent_depth ?? -1) + 1}::integer, ${accepted.status}::text,
        ${toJson(turn.settings)}::jsonb, ${toJson(turn.metadata)}::jsonb, ${turn.background}::boolean, ${turn.stored}::boolean,
        ${turn.requestId}::text, ${turn.idempotencyKey}::text, ${turn.requestHash}::text,
        ${SEQUENCES_PER_ATTEMPT}::bigint, ${now}::timestamptz, ${waits?.place ?? null}::bigint, ${waits?.interrupts ?? null}::text
      from place
      returning tenant_id, id, principal_id),
    step as (
      insert into turn_steps (tenant_id, turn_id, step, principal_id, attempt, claimed_at)
      select tenant_id, id, 1, principal_id, 1, ${now}::timestamptz from turn where ${turn.fork === undefined && waits === null}::boolean),
    input as (
      insert into items (tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text)
      select turn.tenant_id, turn.id, 0, x.index, turn.principal_id, 'input', x.item_id, x.type, x.data, x.text
      from turn, jsonb_to_recordset(${toItemsJson(turn.input)}::jsonb)
        as x(index integer, item_id text, type text, data jsonb, text text))
    select count(*) as accepted from turn ${lastIf(turn.fork === undefined && turn.credential === undefined)}`.execute(
    connection,
  );
  const written = rows.some((row) => Number(row.accepted) === 1);
  if (written) await insertCredential(connection, accepted, turn.credential);
  return written;
}

/** The same key or the same conversation at the same moment, or a conversation deleted meanwhile: look again. */
function isRace(error: unknown): boolean {
  return (
    violates(error, 'turns_idempotency') ||
    violates(error, 'turns_one_open') ||
    violates(error, 'steers_idempotency') ||
    sqlStateOf(error) === FOREIGN_KEY_VIOLATION
  );
}
