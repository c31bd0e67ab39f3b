/** Who is asking. Every store call takes a scope; the database enforces tenant and principal a second time (row-level security). */
import { z } from 'zod';

export const keyScopes = ['read', 'write', 'admin'] as const;
export const keyScopeSchema = z.enum(keyScopes);
/**
 * What an API key may do: `read` lists and reads, `write` also creates turns and changes, `admin` also manages keys and
 * users and sees what all of them own.
 */
export type KeyScope = z.infer<typeof keyScopeSchema>;

/** Tenant and principal ids end up in SQL settings, workflow ids and file paths: the pattern is the guard. */
export const tenantIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, _ and -, at most 63');
export const principalIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/, 'letters, digits, _ . @ -, at most 128');

export interface Scope {
  readonly tenantId: string;
  /** The user or service the API key was issued to; an opaque id, never an e-mail address by itself. */
  readonly principalId: string;
  readonly scopes: readonly KeyScope[];
  /** The product's own work (activities, sweeper): sees what everyone of the tenant owns, and owns nothing itself. */
  readonly wholeTenant?: true;
}

export interface Owner {
  readonly tenantId: string;
  readonly principalId: string;
}

/** False: only what its principal owns exists for this scope. */
export function seesWholeTenant(scope: Scope): boolean {
  return scope.wholeTenant === true || scope.scopes.includes('admin');
}

/** @param actor which part of the product it is, for errors. */
export function internalScope(tenantId: string, actor: string): Scope {
  return { tenantId, principalId: actor, scopes: [], wholeTenant: true };
}

/** Acts for the owner and sees no more than the owner does: whatever an id in their content says. */
export function ownerScope({ tenantId, principalId }: Owner): Scope {
  return { tenantId, principalId, scopes: ['read', 'write'] };
}

export const DEFAULT_TENANT = 'default';
