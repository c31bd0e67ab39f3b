/** Approvals in PostgreSQL. The one way out of `pending` is a conditional update: whoever wins it has decided. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { OVERTAKEN_REASON } from '../../domain/approval.js';
import { failure } from '../../domain/failures.js';
import type {
  ApprovalQuery,
  ApprovalRecord,
  ApprovalStore,
  Decision,
  DecisionOutcome,
  UnheardDecision,
} from '../../domain/ports/approval-store.js';
import { seesWholeTenant } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { openApprovals } from './approval-opening.js';
import { carryOver, claimFollowed } from './approval-following.js';
import { APPROVAL_COLUMNS, fromApprovalRow } from './approval-rows.js';
import type { ApprovalRow } from './approval-rows.js';
import { listConsents, revokeConsent } from './consents.js';
import type { Connection, Database } from './database.js';
import { owned } from './ownership.js';

/** The store of approvals over a migrated database. */
export function createApprovalStore(database: Database): ApprovalStore {
  return {
    open: (scope, approvals) => database.write(scope, (connection) => openApprovals(connection, scope, approvals)),
    get: (scope, id) => database.read(scope, (connection) => readApproval(connection, scope, id)),
    ofCall: (scope, { turnId, step, callIndex }) =>
      database.read(scope, async (connection) => {
        const where = sql`a.turn_id = ${turnId}::text and a.step = ${step}::integer
          and a.call_index = ${callIndex}::integer`;
        return (await readWhere(connection, scope, where))[0] ?? null;
      }),
    list: (scope, query) => database.read(scope, (connection) => list(connection, scope, query)),
    decide: (scope, id, decision) => database.write(scope, (connection) => decide(connection, scope, id, decision)),
    settlePending: (scope, turnId, how) =>
      database.write(scope, async (connection) => {
        const { rows } = await sql<ApprovalRow>`
          update approvals a set status = ${how.status}::text, origin = ${how.origin}::text,
            reason = ${how.reason}::text, decided_at = ${new Date()}::timestamptz
          where ${owned(scope, 'a')} and a.turn_id = ${turnId}::text and a.status = 'pending'
          returning ${sql.raw(APPROVAL_COLUMNS)}`.execute(connection);
        return rows.map(fromApprovalRow);
      }),
    escalate: (scope, turnId) =>
      database.write(scope, async (connection) => {
        const { rows } = await sql<ApprovalRow>`
          update approvals a set escalated_at = ${new Date()}::timestamptz
          where ${owned(scope, 'a')} and a.turn_id = ${turnId}::text and a.status = 'pending'
            and a.escalated_at is null
          returning ${sql.raw(APPROVAL_COLUMNS)}`.execute(connection);
        return rows.map(fromApprovalRow);
      }),
    claimFollowed: (scope, turnId, ids) =>
      database.write(scope, (connection) => claimFollowed(connection, scope, turnId, ids)),
    carryOver: (scope, carried) => database.write(scope, (connection) => carryOver(connection, scope, carried)),
    listConsents: (scope, conversationId, limit) =>
      database.read(scope, (connection) => listConsents(connection, scope, conversationId, limit)),
    revokeConsent: (scope, conversationId, tool) =>
      database.write(scope, (connection) => revokeConsent(connection, scope, conversationId, tool)),
    markHeard: (scope, ids) =>
      database.write(scope, async (connection) => {
        await sql`
          update approvals set heard_at = ${new Date()}::timestamptz
          where ${owned(scope)} and id = any(${[...ids]}::text[]) and decided_at is not null
            and heard_at is null`.execute(connection);
      }),
    listUnheard: (olderThanMs, limit) =>
      database.system((connection) => listUnheard(connection, new Date(Date.now() - olderThanMs), limit)),
    denyOvertaken: (turnId, limit) => database.system((connection) => denyOvertaken(connection, turnId, limit)),
    expireAbandoned: (limit) => database.system((connection) => expireAbandoned(connection, limit)),
  };
}

async function readWhere(
  connection: Connection,
  scope: Scope,
  where: RawBuilder<unknown>,
): Promise<readonly ApprovalRecord[]> {
  const { rows } = await sql<ApprovalRow>`
    select ${sql.raw(APPROVAL_COLUMNS)} from approvals a
    where ${owned(scope, 'a')} and ${where}`.execute(connection);
  return rows.map(fromApprovalRow);
}

async function readApproval(connection: Connection, scope: Scope, id: string): Promise<ApprovalRecord | null> {
  return (await readWhere(connection, scope, sql`a.id = ${id}::text`))[0] ?? null;
}

/** Locked first, in a statement of its own: whoever waits for the lock sees the decision it waited for. */
async function decide(connection: Connection, scope: Scope, id: string, decision: Decision): Promise<DecisionOutcome> {
  const { rows } = await sql<ApprovalRow>`
    select ${sql.raw(APPROVAL_COLUMNS)} from approvals a
    where ${owned(scope, 'a')} and a.id = ${id}::text for update`.execute(connection);
  if (rows[0] === undefined) throw failure('approval.not-found', `there is no approval ${id}`);
  const found = fromApprovalRow(rows[0]);
  if (found.status !== 'pending') return { approval: found, decidedNow: false };
  if (decision.argumentsHash !== null && decision.argumentsHash !== found.argumentsHash) {
    throw failure('approval.changed', `the approval ${id} is for other arguments than the ones decided about`);
  }
  const now = new Date();
  const late = found.expiresAtMs <= now.getTime();
  const counts = late ? EXPIRED : decision;
  const { rows: changed } = await sql<ApprovalRow>`
    update approvals a set status = ${counts.status}::text, origin = ${counts.origin}::text,
      decided_by = ${counts.decidedBy}::text, reason = ${counts.reason}::text, remember = ${counts.remember}::text,
      edited_arguments = ${counts.edited?.arguments ?? null}::text, edited_hash = ${counts.edited?.hash ?? null}::text,
      decided_at = ${now}::timestamptz
    where ${owned(scope, 'a')} and a.id = ${id}::text
    returning ${sql.raw(APPROVAL_COLUMNS)}`.execute(connection);
  const approval = changed.map(fromApprovalRow)[0] ?? found;
  return { approval, decidedNow: !late };
}

/** What a decision after the deadline amounts to. */
const EXPIRED = {
  status: 'expired',
  origin: 'deadline',
  decidedBy: null,
  reason: null,
  remember: null,
  edited: null,
} as const satisfies Omit<Decision, 'status' | 'argumentsHash'> & { status: 'expired' };

/** The same rows once more, in the words of the index that has them in order. */
function byIndex(scope: Scope): RawBuilder<unknown> {
  if (seesWholeTenant(scope)) return sql`lower(a.tenant_id) = ${scope.tenantId}::text`;
  return sql`(a.tenant_id || '/' || a.principal_id) = ${`${scope.tenantId}/${scope.principalId}`}::text`;
}

async function list(
  connection: Connection,
  scope: Scope,
  query: ApprovalQuery,
): Promise<{ approvals: readonly ApprovalRecord[]; hasMore: boolean }> {
  const onward = query.order === 'desc' ? sql`desc` : sql`asc`;
  const beyond = query.order === 'desc' ? sql`<` : sql`>`;
  if (query.after !== null && (await readApproval(connection, scope, query.after)) === null) {
    throw failure('request.invalid', `there is no approval ${query.after} to page on from`, { param: 'after' });
  }
  const { rows } = await sql<ApprovalRow>`
    select ${sql.raw(APPROVAL_COLUMNS)} from approvals a
    where ${owned(scope, 'a')} and ${byIndex(scope)}
      and (${query.status}::text is null or a.status = ${query.status}::text)
      and (${query.conversationId}::text is null or a.conversation_id = ${query.conversationId}::text)
      and (${query.turnId}::text is null or a.turn_id = ${query.turnId}::text)
      and (${query.after}::text is null or (a.created_at, a.id) ${beyond} (
        select c.created_at, c.id from approvals c
        where ${owned(scope, 'c')} and c.id = ${query.after}::text))
    order by a.created_at ${onward}, a.id ${onward}
    limit ${query.limit + 1}::integer`.execute(connection);
  return { approvals: rows.slice(0, query.limit).map(fromApprovalRow), hasMore: rows.length > query.limit };
}

async function listUnheard(connection: Connection, before: Date, limit: number): Promise<readonly UnheardDecision[]> {
  const { rows } = await sql<{ tenant_id: string; turn_id: string; conversation_id: string | null; id: string }>`
    select a.tenant_id, a.turn_id, a.conversation_id, a.id from approvals a
    join turns t on t.tenant_id = a.tenant_id and t.id = a.turn_id and t.status in ('queued', 'in_progress')
    where a.decided_at < ${before}::timestamptz and a.heard_at is null
    order by a.decided_at limit ${limit}::integer`.execute(connection);
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    turnId: row.turn_id,
    conversationId: row.conversation_id,
    approvalId: row.id,
  }));
}

async function denyOvertaken(connection: Connection, turnId: string | null, limit: number): Promise<number> {
  const { rows } = await sql<{ denied: string }>`
    with overtaken as (
      select a.tenant_id, a.id from approvals a
      join turns t on t.tenant_id = a.tenant_id and t.id = a.turn_id and t.status = 'in_progress' and t.pending_steers > 0
      where a.status = 'pending' and (${turnId}::text is null or a.turn_id = ${turnId}::text)
      order by a.created_at limit ${limit}::integer),
    gone as (
      update approvals a set status = 'denied', origin = 'message', reason = ${OVERTAKEN_REASON}::text,
        decided_at = ${new Date()}::timestamptz
      from overtaken o where a.tenant_id = o.tenant_id and a.id = o.id and a.status = 'pending'
      returning 1)
    select count(*) as denied from gone`.execute(connection);
  return Number(rows[0]?.denied ?? 0);
}

/** A turn that still runs expires its own. */
async function expireAbandoned(connection: Connection, limit: number): Promise<number> {
  const now = new Date();
  const { rows } = await sql<{ expired: string }>`
    with overdue as (
      select a.tenant_id, a.id from approvals a
      join turns t on t.tenant_id = a.tenant_id and t.id = a.turn_id and t.status not in ('queued', 'in_progress')
      where a.status = 'pending' and a.expires_at < ${now}::timestamptz
      order by a.expires_at limit ${limit}::integer),
    gone as (
      update approvals a set status = 'expired', origin = 'deadline', decided_at = ${now}::timestamptz,
        heard_at = ${now}::timestamptz
      from overdue o where a.tenant_id = o.tenant_id and a.id = o.id and a.status = 'pending'
      returning 1)
    select count(*) as expired from gone`.execute(connection);
  return Number(rows[0]?.expired ?? 0);
}
