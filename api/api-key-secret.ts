/** New API keys: 32 random bytes, shown once, stored as their hash. */
import { randomBytes } from 'node:crypto';
import { hashApiKey } from './middleware/authenticate.js';

const KEY_BYTES = 32;
const HINT_CHARS = 8;

export interface ApiKeySecret {
  /** The whole key; never stored, never logged. */
  readonly key: string;
  readonly hash: string;
  readonly hint: string;
}

export function createApiKeySecret(): ApiKeySecret {
  const key = `ts_${randomBytes(KEY_BYTES).toString('base64url')}`;
  return { key, hash: hashApiKey(key), hint: key.slice(0, HINT_CHARS) };
}
