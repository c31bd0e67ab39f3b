/** What a conversation lets a tool do without asking again: approvals that were remembered, until somebody ends that. */
import { sql } from 'kysely';
import type { Consent } from '../../domain/ports/approval-store.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';

/** Of the table's alias `c`; what opens an approval looks for the same. */
export const IS_CONSENT = sql`c.remember = 'conversation' and c.status = 'approved' and c.consent_ended_at is null`;

export async function listConsents(
  connection: Connection,
  scope: Scope,
  conversationId: string,
  limit: number,
): Promise<readonly Consent[]> {
  const { rows } = await sql<{ id: string; name: string; decided_by: string | null; decided_at: Date | null }>`
    select distinct on (c.name) c.id, c.name, c.decided_by, c.decided_at from approvals c
    where ${owned(scope, 'c')} and c.conversation_id = ${conversationId}::text and ${IS_CONSENT}
    order by c.name, c.decided_at desc, c.id desc
    limit ${limit}::integer`.execute(connection);
  return rows.map((row) => ({
    tool: row.name,
    approvalId: row.id,
    givenBy: row.decided_by,
    givenAtMs: row.decided_at?.getTime() ?? 0,
  }));
}

export async function revokeConsent(
  connection: Connection,
  scope: Scope,
  conversationId: string,
  tool: string,
): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    update approvals c set consent_ended_at = ${new Date()}::timestamptz
    where ${owned(scope, 'c')} and c.conversation_id = ${conversationId}::text and c.name = ${tool}::text and ${IS_CONSENT}
    returning c.id`.execute(connection);
  return rows.length > 0;
}
