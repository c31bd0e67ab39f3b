/** The first key: made on the first start and shown once, or given by TURNSTONE_ADMIN_KEY. Only its hash is stored. */
import { createHash, randomBytes } from 'node:crypto';
import { failure } from '../domain/failures.js';
import { newId } from '../domain/ids.js';
import type { AuditLog } from '../domain/ports/audit-log.js';
import type { ApiKeyStore } from '../domain/ports/api-key-store.js';
import type { TenantDirectory } from '../domain/ports/tenant-directory.js';
import type { Scope } from '../domain/scope.js';
import { DEFAULT_TENANT } from '../domain/scope.js';

export interface AdminKeyOptions {
  readonly apiKeys: ApiKeyStore;
  readonly directory: TenantDirectory;
  readonly audit: AuditLog;
  /** From TURNSTONE_ADMIN_KEY. */
  readonly configured: string | undefined;
  /** Make one although there is one already. */
  readonly makeNew: boolean;
}

const KEY_BYTES = 32;
const HINT_CHARS = 7;
const ADMIN: Scope = { tenantId: DEFAULT_TENANT, principalId: 'admin', scopes: ['read', 'write', 'admin'] };

function sha256(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * @returns the key to show once, or null when there is nothing new to show.
 * @throws `config.invalid` when the configured key was revoked or has expired.
 */
export async function ensureAdminKey({
  apiKeys,
  directory,
  audit,
  configured,
  makeNew,
}: AdminKeyOptions): Promise<string | null> {
  await apiKeys.ensureTenant(DEFAULT_TENANT, 'Default');
  const store = async (key: string, name: string): Promise<void> => {
    const id = newId('apiKey');
    await apiKeys.create(ADMIN, {
      id,
      principalId: ADMIN.principalId,
      name,
      scopes: ADMIN.scopes,
      hint: key.slice(0, HINT_CHARS),
      expiresAtMs: null,
      hash: sha256(key),
    });
    await audit.append(ADMIN.tenantId, {
      principalId: 'server',
      action: 'key.created',
      subject: id,
      details: { principal: ADMIN.principalId, scopes: [...ADMIN.scopes] },
      requestId: 'start',
    });
  };
  if (configured !== undefined) await keepConfigured(apiKeys, configured, store);
  if (!makeNew && (configured !== undefined || (await apiKeys.hasAdminKey(DEFAULT_TENANT)))) return null;
  // Whoever may start the product with a new key may have its administrator back.
  await directory.restoreUser(ADMIN, ADMIN.principalId);
  const key = `ts_${randomBytes(KEY_BYTES).toString('base64url')}`;
  await store(key, 'admin');
  return key;
}

async function keepConfigured(
  apiKeys: ApiKeyStore,
  key: string,
  store: (key: string, name: string) => Promise<void>,
): Promise<void> {
  const known = await apiKeys.findByHash(sha256(key));
  if (known === null) {
    await store(key, 'TURNSTONE_ADMIN_KEY');
    return;
  }
  const expired = known.expiresAtMs !== null && known.expiresAtMs <= Date.now();
  if (known.revokedAtMs === null && !expired) return;
  throw failure(
    'config.invalid',
    `TURNSTONE_ADMIN_KEY holds a key that ${expired ? 'has expired' : 'was revoked'} (${known.hint}…): set another one.`,
  );
}
