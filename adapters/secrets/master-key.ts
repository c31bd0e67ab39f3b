/** The key that wraps the keys of tenants: given as text, or made once and kept in a file of the data folder. */
import { hkdfSync, randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { failure, toError } from '../../domain/failures.js';

export const KEY_BYTES = 32;

export interface MasterKey {
  /** Derived from the key, tells nothing about it. */
  readonly id: string;
  readonly key: Uint8Array;
}

/** 32 bytes as 64 hex digits, or as base64 or base64url with or without padding. */
export const MASTER_KEY_PATTERN = /^([0-9a-fA-F]{64}|[A-Za-z0-9+/_-]{43}=?)$/;

/** @param name what holds it, for the message: never the value. @throws `config.invalid` */
export function parseMasterKey(text: string, name: string): MasterKey {
  const trimmed = text.trim();
  if (!MASTER_KEY_PATTERN.test(trimmed)) {
    throw failure(
      'config.invalid',
      `${name} is no master key: 32 random bytes as hex or base64, for example from \`openssl rand -hex 32\`.`,
    );
  }
  return toMasterKey(Buffer.from(trimmed, trimmed.length === KEY_BYTES * 2 ? 'hex' : 'base64'));
}

export function toMasterKey(key: Uint8Array): MasterKey {
  const id = Buffer.from(hkdfSync('sha256', key, '', 'turnstone master key id', 6)).toString('hex');
  return { id, key };
}

/**
 * The key in the file; made when there is none. Two processes that start together agree on one.
 * @throws `config.invalid` for a file with something else in it; `server.cannot-start` when it cannot be read or written.
 */
export async function keepMasterKey(path: string): Promise<MasterKey> {
  const found = await readOrNull(path);
  if (found !== null) return parseMasterKey(found, path);
  // Written whole, then linked into place: nobody reads half a key, and the first one made stays.
  const draft = `${path}.${globalThis.crypto.randomUUID()}`;
  try {
    await writeFile(draft, `${randomBytes(KEY_BYTES).toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
    await link(draft, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  } catch (error) {
    throw failure(
      'server.cannot-start',
      `The master key ${path} cannot be written (${toError(error).message}): correct the rights of the folder.`,
      { cause: error },
    );
  } finally {
    await rm(draft, { force: true });
  }
  return parseMasterKey((await readOrNull(path)) ?? '', path);
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw failure(
      'server.cannot-start',
      `The master key ${path} cannot be read (${toError(error).message}): correct its rights.`,
      { cause: error },
    );
  }
}
