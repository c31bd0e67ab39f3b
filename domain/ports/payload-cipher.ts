/** Encrypts what Temporal stores, with the tenant's key. Methods throw `store.unavailable` when a key must be loaded and cannot. */
export interface PayloadCipher {
  /** @returns the id of the key, to stand beside the ciphertext. */
  encrypt(tenantId: string, plaintext: Uint8Array): Promise<{ readonly keyId: string; readonly sealed: Uint8Array }>;
  /** @throws `secrets.unreadable`: changed, another tenant's, or encrypted with a key that is gone. */
  decrypt(tenantId: string, keyId: string, sealed: Uint8Array): Promise<Uint8Array>;
}
