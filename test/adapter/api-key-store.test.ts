/** Proven: keys are found by hash across tenants, listed and revoked within one, and the admin check sees only usable keys. */
import { expect, it } from 'vitest';
import { createApiKeyStore } from '../../adapters/postgres/api-key-store.js';
import { newId } from '../../domain/ids.js';
import type { NewApiKey } from '../../domain/ports/api-key-store.js';
import { describeOnDatabases } from '../support/database.js';
import { aScope } from '../support/scope-builders.js';

function aKey(changes: Partial<NewApiKey> = {}): NewApiKey {
  return {
    id: newId('apiKey'),
    principalId: 'service-1',
    name: 'a key',
    scopes: ['read', 'write'],
    hint: 'ts_abc',
    expiresAtMs: null,
    hash: `${newId('apiKey')}-hash`,
    ...changes,
  };
}

describeOnDatabases('API key store', (open) => {
  it('create -> found by its hash without a scope, and in the list of its tenant only', async () => {
    const keys = createApiKeyStore(open().database);
    const scope = await open().newScope({ scopes: ['admin'] });
    const key = aKey({ expiresAtMs: 1_900_000_000_000 });
    const made = await keys.create(scope, key);
    expect(made).toMatchObject({ tenantId: scope.tenantId, scopes: ['read', 'write'], revokedAtMs: null });
    expect(JSON.stringify(made)).not.toContain(key.hash);
    expect(await keys.findByHash(key.hash)).toEqual(made);
    expect(await keys.findByHash('no such hash')).toBeNull();
    expect(await keys.list(scope)).toEqual([made]);
    expect(await keys.list(await open().newScope({ scopes: ['admin'] }))).toEqual([]);
  });

  it('create: a value that is there, even in another tenant -> request.invalid', async () => {
    const keys = createApiKeyStore(open().database);
    const key = aKey();
    await keys.create(await open().newScope({ scopes: ['admin'] }), key);
    await expect(
      keys.create(await open().newScope({ scopes: ['admin'] }), { ...aKey(), hash: key.hash }),
    ).rejects.toMatchObject({
      code: 'request.invalid',
    });
  });

  it('create: for a tenant that does not exist -> refused', async () => {
    const keys = createApiKeyStore(open().database);
    await expect(keys.create(aScope(), aKey())).rejects.toMatchObject({ code: 'server.internal' });
  });

  it('revoke -> still found, with the time of the first revocation; another tenant cannot', async () => {
    const keys = createApiKeyStore(open().database);
    const scope = await open().newScope({ scopes: ['admin'] });
    const key = aKey();
    await keys.create(scope, key);
    expect(await keys.revoke(await open().newScope({ scopes: ['admin'] }), key.id)).toBe(false);
    expect(await keys.revoke(scope, key.id)).toBe(true);
    const revoked = await keys.findByHash(key.hash);
    expect(revoked?.revokedAtMs).toEqual(expect.any(Number));
    expect(await keys.revoke(scope, key.id)).toBe(true);
    expect(await keys.findByHash(key.hash)).toEqual(revoked);
  });

  it('hasAdminKey: no key, an expired, a revoked, a read-only one -> false; a usable admin key -> true', async () => {
    const keys = createApiKeyStore(open().database);
    const scope = await open().newScope({ scopes: ['admin'] });
    const revoked = aKey({ scopes: ['admin'] });
    expect(await keys.hasAdminKey(scope.tenantId)).toBe(false);
    await keys.create(scope, aKey({ scopes: ['admin'], expiresAtMs: Date.now() - 1 }));
    await keys.create(scope, revoked);
    await keys.revoke(scope, revoked.id);
    await keys.create(scope, aKey({ scopes: ['read'] }));
    expect(await keys.hasAdminKey(scope.tenantId)).toBe(false);
    await keys.create(scope, aKey({ scopes: ['read', 'admin'], expiresAtMs: Date.now() + 60_000 }));
    expect(await keys.hasAdminKey(scope.tenantId)).toBe(true);
  });

  it('ensureTenant: twice -> the first name stays', async () => {
    const keys = createApiKeyStore(open().database);
    const scope = await open().newScope({ scopes: ['admin'] });
    await keys.ensureTenant(scope.tenantId, 'another name');
    const rows = await open().database.read(scope, (connection) =>
      connection.selectFrom('tenants').selectAll().execute(),
    );
    expect(rows).toMatchObject([{ name: 'a tenant' }]);
  });
});
