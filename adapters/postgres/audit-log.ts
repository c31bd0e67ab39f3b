/** The audit trail in PostgreSQL. Entries of a tenant are written one after the other, under a lock of its chain. */
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import { AUDIT_GENESIS, auditText } from '../../domain/audit.js';
import type { AuditCheck, AuditEntry, NewAuditEntry } from '../../domain/audit.js';
import type { JsonObject } from '../../domain/json.js';
import type { AuditLog, AuditQuery } from '../../domain/ports/audit-log.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection, Database } from './database.js';
import { objectColumn, toJson } from './json-columns.js';
import type { AuditTable } from './schema.js';

/** Entries read at a time while a chain is checked. */
const CHECK_PAGE = 1_000;
/** First half of the lock's key, so that it meets no other lock of ours. */
const CHAIN_LOCK = 740_511_006;

/** The chain is the tenant's, not a person's. */
const asTenant = (tenantId: string): Scope => ({ tenantId, principalId: 'server', scopes: ['admin'] });

export function createAuditLog(database: Database): AuditLog {
  return {
    append: (tenantId, entry) =>
      database.write(asTenant(tenantId), (connection) => append(connection, tenantId, entry)),
    list: (scope, query) =>
      database.read(scope, async (connection) => {
        const rows = await page(connection, scope, { ...query, limit: query.limit + 1 });
        return { entries: rows.slice(0, query.limit), hasMore: rows.length > query.limit };
      }),
    verify: async (scope) => {
      let check: AuditCheck = { entries: 0, brokenAt: null, lastHash: AUDIT_GENESIS };
      for (;;) {
        const query: AuditQuery = { after: check.entries, limit: CHECK_PAGE, order: 'asc' };
        const rows = await database.read(scope, (connection) => page(connection, scope, query));
        check = follow(check, rows);
        if (check.brokenAt !== null || rows.length < CHECK_PAGE) return check;
      }
    },
  };
}

async function append(connection: Connection, tenantId: string, entry: NewAuditEntry): Promise<AuditEntry> {
  await sql`select pg_advisory_xact_lock(${CHAIN_LOCK}::integer, hashtext(${tenantId}))`.execute(connection);
  const [last] = await page(connection, { tenantId }, { after: null, limit: 1, order: 'desc' });
  const unsigned = {
    ...entry,
    tenantId,
    number: (last?.number ?? 0) + 1,
    atMs: Date.now(),
    previousHash: last?.hash ?? AUDIT_GENESIS,
  };
  const written = { ...unsigned, hash: hashOf(unsigned) };
  await connection
    .insertInto('audit_log')
    .values({
      tenant_id: tenantId,
      number: written.number,
      at: new Date(written.atMs),
      principal_id: written.principalId,
      action: written.action,
      subject: written.subject,
      details: toJson(written.details),
      request_id: written.requestId,
      previous_hash: written.previousHash,
      hash: written.hash,
    })
    .execute();
  return written;
}

function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  return createHash('sha256').update(auditText(entry)).digest('hex');
}

function follow(start: AuditCheck, rows: readonly AuditEntry[]): AuditCheck {
  let { entries, lastHash } = start;
  for (const row of rows) {
    const isNext = row.number === entries + 1 && row.previousHash === lastHash && row.hash === hashOf(row);
    if (!isNext) return { entries, brokenAt: entries + 1, lastHash };
    entries += 1;
    lastHash = row.hash;
  }
  return { entries, brokenAt: null, lastHash };
}

/** `lower(…)` is what the index is on; see 0001 about indexes on the tenant. */
async function page(
  connection: Connection,
  { tenantId }: Pick<Scope, 'tenantId'>,
  { after, limit, order }: AuditQuery,
): Promise<AuditEntry[]> {
  let query = connection
    .selectFrom('audit_log')
    .selectAll()
    .where(sql<string>`lower(tenant_id)`, '=', tenantId)
    .orderBy('number', order)
    .limit(limit);
  if (after !== null) query = query.where('number', order === 'asc' ? '>' : '<', String(after));
  return (await query.execute()).map(fromRow);
}

function fromRow(row: Selectable<AuditTable>): AuditEntry {
  return {
    tenantId: row.tenant_id,
    number: Number(row.number),
    atMs: row.at.getTime(),
    principalId: row.principal_id,
    // Possibly an action of another version: shown as it is, and its hash fits.
    action: row.action as AuditEntry['action'],
    subject: row.subject,
    details: objectColumn(row.details, 'audit_log.details') as JsonObject,
    requestId: row.request_id,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
