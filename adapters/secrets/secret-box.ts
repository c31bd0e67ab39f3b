/**
 * `SecretBox` over a key ring. A box: version, length of the key id, key id, then what `sealBytes` gives. A token:
 * `<base64url of tenant, key id, expiry, subject as JSON>.<base64url of HMAC-SHA-256>`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { failure } from '../../domain/failures.js';
import type { SecretBox, VerifiedToken } from '../../domain/ports/secret-box.js';
import { tenantIdSchema } from '../../domain/scope.js';
import type { KeyRing } from './key-ring.js';
import { openBytes, sealBytes } from './sealed-bytes.js';

const BOX_VERSION = 1;
/** Tokens stand in links: beyond this it is none of ours. */
const MAX_TOKEN_CHARS = 2_000;
const INVALID: VerifiedToken = { state: 'invalid' };

const tokenSchema = z.tuple([tenantIdSchema, z.string().regex(/^[0-9a-f]{12}$/), z.int().min(0), z.string()]);

export function createSecretBox(ring: KeyRing, now: () => number = Date.now): SecretBox {
  return {
    available: true,
    seal: async (tenantId, context, plaintext) => {
      const key = await ring.current(tenantId);
      const sealed = sealBytes(key.derived('box'), toAssociated(tenantId, context), plaintext);
      const id = Buffer.from(key.id, 'utf8');
      return Buffer.concat([Buffer.from([BOX_VERSION, id.byteLength]), id, sealed]);
    },
    open: async (tenantId, context, box) => {
      const { keyId, sealed } = readBox(box);
      const key = await ring.byId(tenantId, keyId);
      const plaintext = key === null ? null : openBytes(key.derived('box'), toAssociated(tenantId, context), sealed);
      if (plaintext !== null) return plaintext;
      throw failure(
        'secrets.unreadable',
        `A value sealed for ${context} cannot be opened: it was changed, or its key ${keyId} is gone. Send the secret again.`,
      );
    },
    sign: async (tenantId, purpose, subject, expiresAtMs) => {
      const key = await ring.current(tenantId);
      const body = Buffer.from(JSON.stringify([tenantId, key.id, expiresAtMs, subject])).toString('base64url');
      return `${body}.${macOf(key.derived('sign'), purpose, body).toString('base64url')}`;
    },
    verify: async (purpose, token) => {
      const read = readToken(token);
      if (read === null) return INVALID;
      const [tenantId, keyId, expiresAtMs, subject] = read.claims;
      const key = await ring.byId(tenantId, keyId);
      if (key === null) return INVALID;
      const mac = macOf(key.derived('sign'), purpose, read.body);
      if (mac.byteLength !== read.mac.byteLength || !timingSafeEqual(mac, read.mac)) return INVALID;
      return expiresAtMs <= now() ? { state: 'expired' } : { state: 'valid', tenantId, subject, expiresAtMs };
    },
  };
}

/** Stands in where there is no master key. */
export function createNoSecretBox(): SecretBox {
  const refuse = (): Promise<never> =>
    Promise.reject(
      failure(
        'secrets.unavailable',
        'This server has no master key, so it can neither seal nor sign: set TURNSTONE_MASTER_KEY (`openssl rand -hex 32`).',
      ),
    );
  return { available: false, seal: refuse, open: refuse, sign: refuse, verify: refuse };
}

const toAssociated = (tenantId: string, context: string): string => `${tenantId}\0${context}`;

function macOf(key: Uint8Array, purpose: string, body: string): Buffer {
  return createHmac('sha256', key).update(`${purpose}\0${body}`).digest();
}

function readBox(box: Uint8Array): { readonly keyId: string; readonly sealed: Uint8Array } {
  const [version, idLength = 0] = box;
  if (version !== BOX_VERSION || box.byteLength < 2 + idLength) {
    throw failure('secrets.unreadable', 'A sealed value has a form this version does not know.');
  }
  return { keyId: Buffer.from(box.subarray(2, 2 + idLength)).toString('utf8'), sealed: box.subarray(2 + idLength) };
}

interface ReadToken {
  readonly body: string;
  readonly mac: Buffer;
  readonly claims: z.infer<typeof tokenSchema>;
}

function readToken(token: string): ReadToken | null {
  const [body, mac, ...more] = token.length > MAX_TOKEN_CHARS ? [] : token.split('.');
  if (body === undefined || mac === undefined || more.length > 0) return null;
  try {
    const claims = tokenSchema.safeParse(JSON.parse(Buffer.from(body, 'base64url').toString('utf8')));
    const bytes = Buffer.from(mac, 'base64url');
    // The decoder skips what it does not know and ignores spare bits: only the one spelling that was signed counts.
    if (!claims.success || bytes.toString('base64url') !== mac) return null;
    return { body, mac: bytes, claims: claims.data };
  } catch {
    return null; // Not JSON: not one of ours.
  }
}
