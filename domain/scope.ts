/** Who is asking. Every store call takes a scope; the database enforces the tenant a second time (row-level security). */
import { z } from 'zod';

export const keyScopes = ['read', 'write', 'admin'] as const;
export const keyScopeSchema = z.enum(keyScopes);
/** What an API key may do: `read` lists and reads, `write` also creates turns and changes, `admin` also manages keys. */
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
}

export const DEFAULT_TENANT = 'default';
