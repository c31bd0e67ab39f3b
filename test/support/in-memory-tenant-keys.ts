/** Tenant keys in memory, and a ring and cipher over them. Keeps the promises of its port. */
import { randomBytes } from 'node:crypto';
import { createKeyRing } from '../../adapters/secrets/key-ring.js';
import type { KeyRing } from '../../adapters/secrets/key-ring.js';
import { toMasterKey } from '../../adapters/secrets/master-key.js';
import { createPayloadCipher } from '../../adapters/secrets/payload-cipher.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import type { TenantKeyStore, WrappedTenantKey } from '../../domain/ports/tenant-key-store.js';

export function createInMemoryTenantKeys(): TenantKeyStore {
  let rows: readonly WrappedTenantKey[] = [];
  return {
    list: async (tenantId) => rows.filter((row) => row.tenantId === tenantId),
    addFirst: async (key) => {
      if (!rows.some((row) => row.tenantId === key.tenantId && row.retiredAtMs === null)) rows = [key, ...rows];
    },
    replace: async (key) => {
      const retired = rows.map((row) =>
        row.tenantId === key.tenantId && row.retiredAtMs === null ? { ...row, retiredAtMs: key.createdAtMs } : row,
      );
      rows = [key, ...retired];
    },
    listWrappedByOthers: async (masterId) => rows.filter((row) => row.masterId !== masterId),
    rewrap: async (key, from) => {
      rows = rows.map((row) => (row.id === key.id && row.masterId === from ? key : row));
    },
  };
}

export function aKeyRing(): KeyRing {
  return createKeyRing({ store: createInMemoryTenantKeys(), masterKeys: [toMasterKey(randomBytes(32))] });
}

export function aPayloadCipher(ring: KeyRing = aKeyRing()): PayloadCipher {
  return createPayloadCipher(ring);
}
