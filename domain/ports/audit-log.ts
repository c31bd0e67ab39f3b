/** What operators and administrators did, append-only, one chain of hashes per tenant. */
import type { AuditCheck, AuditEntry, NewAuditEntry } from '../audit.js';
import type { Scope } from '../scope.js';

export interface AuditQuery {
  /** Number of the entry the page starts after; null: at the beginning of the order. */
  readonly after: number | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

export interface AuditLog {
  /** Written when it returns. Not to be repeated: each call is an entry. @throws `store.unavailable`. */
  append(tenantId: string, entry: NewAuditEntry): Promise<AuditEntry>;
  list(
    scope: Scope,
    query: AuditQuery,
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly hasMore: boolean }>;
  /** Reads the whole chain of the tenant. */
  verify(scope: Scope): Promise<AuditCheck>;
}
