/** API keys. The key itself is never stored: only its SHA-256, which is enough for 32 random bytes. */
import type { KeyScope, Scope } from '../scope.js';

export interface ApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly principalId: string;
  readonly name: string;
  readonly scopes: readonly KeyScope[];
  /** First characters of the key, to recognise it in a list. */
  readonly hint: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
}

export interface NewApiKey extends Pick<ApiKey, 'id' | 'principalId' | 'name' | 'scopes' | 'hint' | 'expiresAtMs'> {
  /** Hex SHA-256 of the whole key. */
  readonly hash: string;
}

export interface ApiKeyStore {
  /** System-wide: the key with this hash, also when expired or revoked, by itself or with its user (the caller decides). */
  findByHash(hash: string): Promise<ApiKey | null>;
  create(scope: Scope, key: NewApiKey): Promise<ApiKey>;
  list(scope: Scope): Promise<readonly ApiKey[]>;
  /** @returns false when there is none. */
  revoke(scope: Scope, id: string): Promise<boolean>;
  /** System-wide: make sure the tenant exists. */
  ensureTenant(tenantId: string, name: string): Promise<void>;
  /** System-wide: does the tenant have a key with scope `admin` that is neither revoked (nor its user) nor expired? */
  hasAdminKey(tenantId: string): Promise<boolean>;
}
