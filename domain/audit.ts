/** Entries of the audit trail, and what chains them: each hash covers its entry and the hash before it. */
import type { JsonObject } from './json.js';
import { canonicalJson } from './json.js';

export type AuditAction =
  | 'payloads.decoded'
  | 'payloads.encoded'
  | 'encryption_key.rotated'
  | 'tenant.created'
  | 'key.created'
  | 'key.revoked'
  | 'user.revoked'
  | 'user.restored'
  | 'approval_link.created';

export interface NewAuditEntry {
  /** Who: a principal, or a part of the installation such as `temporal-ui`. */
  readonly principalId: string;
  readonly action: AuditAction;
  /** On what, e.g. a workflow's id. */
  readonly subject: string;
  /** Counts and names, never content. */
  readonly details: JsonObject;
  readonly requestId: string;
}

export interface AuditEntry extends NewAuditEntry {
  readonly tenantId: string;
  /** 1, 2, 3, … per tenant. */
  readonly number: number;
  readonly atMs: number;
  readonly previousHash: string;
  readonly hash: string;
}

/** The hash before the first entry. */
export const AUDIT_GENESIS = '0'.repeat(64);

/** Everything of an entry but its hash, as one text. */
export function auditText(entry: Omit<AuditEntry, 'hash'>): string {
  const { tenantId, number, atMs, principalId, action, subject, details, requestId, previousHash } = entry;
  return canonicalJson([previousHash, tenantId, number, atMs, principalId, action, subject, details, requestId]);
}

export interface AuditCheck {
  readonly entries: number;
  /** The first entry that is missing, was changed, or does not follow the one before it; null: the chain is whole. */
  readonly brokenAt: number | null;
  /** Hash of the last good entry: written down elsewhere, it proves later that nothing was cut off the end. */
  readonly lastHash: string;
}
