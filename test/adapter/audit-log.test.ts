/** Proven, over both databases: entries are numbered and chained per tenant, also when written at once; any change shows; none can be made by the product's own role. */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { createAuditLog } from '../../adapters/postgres/audit-log.js';
import { AUDIT_GENESIS } from '../../domain/audit.js';
import type { NewAuditEntry } from '../../domain/audit.js';
import { describeOnDatabases } from '../support/database.js';

const anEntry = (subject: string): NewAuditEntry => ({
  principalId: 'ada',
  action: 'payloads.decoded',
  subject,
  details: { namespace: 'default', payloads: 3, z: 1, a: { c: 1, b: 'ü' } },
  requestId: 'req_1',
});

describeOnDatabases('Audit log', (open) => {
  it('append: many at once -> 1, 2, 3, … in one chain; another tenant has its own', async () => {
    const audit = createAuditLog(open().database);
    const [scope, other] = [await open().newScope({ scopes: ['admin'] }), await open().newScope({ scopes: ['admin'] })];
    await Promise.all(Array.from({ length: 12 }, (_, index) => audit.append(scope.tenantId, anEntry(`turn/${index}`))));
    await audit.append(other.tenantId, anEntry('theirs'));
    const { entries, hasMore } = await audit.list(scope, { after: null, limit: 12, order: 'asc' });
    expect(hasMore).toBe(false);
    expect(entries.map(({ number }) => number)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    expect(entries[0]?.previousHash).toBe(AUDIT_GENESIS);
    for (const [index, entry] of entries.entries()) {
      expect(entry.details).toEqual(anEntry('').details);
      if (index > 0) expect(entry.previousHash).toBe(entries[index - 1]?.hash);
    }
    expect(await audit.verify(scope)).toEqual({ entries: 12, brokenAt: null, lastHash: entries.at(-1)?.hash });
    expect(await audit.verify(other)).toMatchObject({ entries: 1, brokenAt: null });
  });

  it('list: pages in both orders', async () => {
    const audit = createAuditLog(open().database);
    const scope = await open().newScope({ scopes: ['admin'] });
    for (const subject of ['a', 'b', 'c']) await audit.append(scope.tenantId, anEntry(subject));
    const page = async (after: number | null, order: 'asc' | 'desc'): Promise<string> => {
      const { entries, hasMore } = await audit.list(scope, { after, limit: 2, order });
      return entries.map(({ subject }) => subject).join('') + (hasMore ? '+' : '');
    };
    expect([await page(null, 'asc'), await page(2, 'asc'), await page(null, 'desc'), await page(2, 'desc')]).toEqual([
      'ab+',
      'c',
      'cb+',
      'a',
    ]);
  });

  it.each([
    ['a changed subject', `update audit_log set subject = 'other' where number = 2`],
    ['changed details', `update audit_log set details = '{}' where number = 2`],
    ['a moved time', `update audit_log set at = at + interval '1 hour' where number = 2`],
    ['another principal', `update audit_log set principal_id = 'bob' where number = 2`],
    ['a missing entry', 'delete from audit_log where number = 2'],
  ])('verify: %s, made by whoever owns the tables -> broken at 2', async (_, change) => {
    const audit = createAuditLog(open().database);
    const scope = await open().newScope({ scopes: ['admin'] });
    for (const subject of ['a', 'b', 'c']) await audit.append(scope.tenantId, anEntry(subject));
    const { owner } = open().database;
    await owner.transaction().execute(async (connection) => {
      await sql.raw('alter table audit_log no force row level security').execute(connection);
      await sql.raw(`${change} and tenant_id = '${scope.tenantId}'`).execute(connection);
      await sql.raw('alter table audit_log force row level security').execute(connection);
    });
    expect(await audit.verify(scope)).toMatchObject({ entries: 1, brokenAt: 2 });
  });

  it('the product’s own role -> can neither change nor delete an entry', async () => {
    const audit = createAuditLog(open().database);
    const scope = await open().newScope({ scopes: ['admin'] });
    await audit.append(scope.tenantId, anEntry('a'));
    for (const statement of [`update audit_log set subject = 'x'`, 'delete from audit_log']) {
      const tried = open().database.write(scope, (connection) => sql.raw(statement).execute(connection));
      await expect(tried).rejects.toThrow('42501');
    }
    expect(await audit.verify(scope)).toMatchObject({ entries: 1, brokenAt: null });
  });
});
