/** `PayloadCipher` over a key ring. */
import { failure } from '../../domain/failures.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import type { KeyRing } from './key-ring.js';
import { openBytes, sealBytes } from './sealed-bytes.js';

const PURPOSE = 'payload';

export function createPayloadCipher(ring: KeyRing): PayloadCipher {
  return {
    encrypt: async (tenantId, plaintext) => {
      const key = await ring.current(tenantId);
      return { keyId: key.id, sealed: sealBytes(key.derived(PURPOSE), tenantId, plaintext) };
    },
    decrypt: async (tenantId, keyId, sealed) => {
      const key = await ring.byId(tenantId, keyId);
      const plaintext = key === null ? null : openBytes(key.derived(PURPOSE), tenantId, sealed);
      if (plaintext !== null) return plaintext;
      throw failure(
        'secrets.unreadable',
        `A Temporal payload of tenant ${tenantId} cannot be decrypted: it was changed, or its key ${keyId} is gone.`,
      );
    },
  };
}
