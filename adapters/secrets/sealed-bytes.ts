/**
 * AES-256-GCM and HKDF-SHA-256, nothing else: pure functions over bytes.
 *
 * A nonce is 96 random bits, so a key is good for 2^32 boxes; the key of one purpose is derived from the tenant's key, and
 * rotating that renews all of them.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

export function deriveKey(key: Uint8Array, purpose: string): Uint8Array {
  return Buffer.from(hkdfSync('sha256', key, '', `turnstone ${purpose} v1`, KEY_BYTES));
}

/** @returns nonce, ciphertext, tag. */
export function sealBytes(key: Uint8Array, associated: string, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associated, 'utf8'));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** @returns null when the bytes were not sealed with this key and this associated data. */
export function openBytes(key: Uint8Array, associated: string, sealed: Uint8Array): Buffer | null {
  if (sealed.byteLength < NONCE_BYTES + TAG_BYTES) return null;
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(associated, 'utf8'));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null; // The tag does not fit: the only thing that can be told about it.
  }
}
