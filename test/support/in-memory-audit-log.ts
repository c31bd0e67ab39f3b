/** The audit trail in memory; hashes are chained as in the real one. */
import { createHash } from 'node:crypto';
import { AUDIT_GENESIS, auditText } from '../../domain/audit.js';
import type { AuditEntry } from '../../domain/audit.js';
import type { AuditLog } from '../../domain/ports/audit-log.js';

export function createInMemoryAuditLog(): AuditLog {
  const all: AuditEntry[] = [];
  const of = (tenantId: string): AuditEntry[] => all.filter((entry) => entry.tenantId === tenantId);
  return {
    append: async (tenantId, entry) => {
      const last = of(tenantId).at(-1);
      const unsigned = {
        ...entry,
        tenantId,
        number: (last?.number ?? 0) + 1,
        atMs: Date.now(),
        previousHash: last?.hash ?? AUDIT_GENESIS,
      };
      const made = { ...unsigned, hash: createHash('sha256').update(auditText(unsigned)).digest('hex') };
      all.push(made);
      return made;
    },
    list: async ({ tenantId }, { after, limit, order }) => {
      const entries = order === 'asc' ? of(tenantId) : of(tenantId).reverse();
      const rest = entries.filter(
        ({ number }) => after === null || (order === 'asc' ? number > after : number < after),
      );
      return { entries: rest.slice(0, limit), hasMore: rest.length > limit };
    },
    verify: async ({ tenantId }) => ({
      entries: of(tenantId).length,
      brokenAt: null,
      lastHash: of(tenantId).at(-1)?.hash ?? AUDIT_GENESIS,
    }),
  };
}
