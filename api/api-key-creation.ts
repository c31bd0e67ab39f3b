/** Making an API key and showing it. */
import { newId } from '../domain/ids.js';
import type { ApiKey, NewApiKey } from '../domain/ports/api-key-store.js';
import type { Scope } from '../domain/scope.js';
import type { ApiDeps } from './api-deps.js';
import { createApiKeySecret } from './api-key-secret.js';

const toSeconds = (ms: number | null): number | null => (ms === null ? null : Math.floor(ms / 1000));

export type KeyObject = { readonly id: string } & Readonly<Record<string, unknown>>;

export function toKeyObject(key: ApiKey): KeyObject {
  return {
    id: key.id,
    object: 'api_key',
    name: key.name,
    principal: key.principalId,
    scopes: key.scopes,
    hint: key.hint,
    created_at: toSeconds(key.createdAtMs),
    expires_at: toSeconds(key.expiresAtMs),
    revoked_at: toSeconds(key.revokedAtMs),
  };
}

/** @returns the key with its secret, which nothing can show again. */
export async function createKey(
  deps: Pick<ApiDeps, 'apiKeys'>,
  scope: Scope,
  wanted: Pick<NewApiKey, 'principalId' | 'name' | 'scopes' | 'expiresAtMs'>,
): Promise<KeyObject & { readonly key: string }> {
  const { key, hash, hint } = createApiKeySecret();
  const made = await deps.apiKeys.create(scope, { ...wanted, id: newId('apiKey'), hint, hash });
  return { ...toKeyObject(made), key };
}
