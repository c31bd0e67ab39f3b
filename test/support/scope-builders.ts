/** Scopes for tests. */
import type { Scope } from '../../domain/scope.js';

/** A caller of a tenant of its own, so that tests which share a database do not meet. */
export function aScope(changes: Partial<Scope> = {}): Scope {
  return {
    tenantId: `t-${globalThis.crypto.randomUUID()}`,
    principalId: 'user-1',
    scopes: ['read', 'write'],
    ...changes,
  };
}
