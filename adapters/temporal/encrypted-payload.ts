/**
 * An encrypted payload. Metadata: `encoding` = `binary/encrypted`, `encryption-key-id` = `<tenant>/<key id>`. Inside, under the
 * tenant's key: a version, the id of the workflow it was made for, the payload's own metadata, its data.
 */
import type { Payload } from '@temporalio/common';
import { failure } from '../../domain/failures.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import { tenantIdSchema } from '../../domain/scope.js';

const ENCODING = Buffer.from('binary/encrypted');
const KEY_ID = 'encryption-key-id';
const VERSION = 1;
/** Version, length of the workflow id, length of the metadata. */
const HEADER_BYTES = 5;

export interface OpenedPayload {
  readonly payload: Payload;
  readonly tenantId: string;
  /** Empty: bound to no workflow. */
  readonly workflowId: string;
}

export async function encryptPayload(
  cipher: PayloadCipher,
  owner: { readonly tenantId: string; readonly workflowId: string },
  payload: Payload,
): Promise<Payload> {
  const metadata = Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, toBase64(value)]);
  const id = Buffer.from(owner.workflowId, 'utf8');
  const names = Buffer.from(JSON.stringify(Object.fromEntries(metadata)), 'utf8');
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeUInt16BE(id.byteLength, 1);
  header.writeUInt16BE(names.byteLength, 3);
  const plaintext = Buffer.concat([header, id, names, payload.data ?? new Uint8Array()]);
  const { keyId, sealed } = await cipher.encrypt(owner.tenantId, plaintext);
  return { metadata: { encoding: ENCODING, [KEY_ID]: Buffer.from(`${owner.tenantId}/${keyId}`) }, data: sealed };
}

/** @returns whose it is, or null when it is not encrypted. */
export function ownerOf(payload: Payload): { readonly tenantId: string; readonly keyId: string } | null {
  const encoding = payload.metadata?.['encoding'];
  if (encoding === undefined || !ENCODING.equals(encoding)) return null;
  const [tenantId = '', keyId = ''] = Buffer.from(payload.metadata?.[KEY_ID] ?? new Uint8Array())
    .toString('utf8')
    .split('/');
  return tenantIdSchema.safeParse(tenantId).success && keyId !== '' ? { tenantId, keyId } : null;
}

/** @throws `secrets.unreadable` */
export async function decryptPayload(
  cipher: PayloadCipher,
  { tenantId, keyId }: { readonly tenantId: string; readonly keyId: string },
  payload: Payload,
): Promise<OpenedPayload> {
  const plain = Buffer.from(await cipher.decrypt(tenantId, keyId, payload.data ?? new Uint8Array()));
  if (plain.byteLength < HEADER_BYTES || plain.readUInt8(0) !== VERSION)
    throw failure('secrets.unreadable', 'A Temporal payload has a form this version does not know.');
  const idEnd = HEADER_BYTES + plain.readUInt16BE(1);
  const namesEnd = idEnd + plain.readUInt16BE(3);
  const names = JSON.parse(plain.subarray(idEnd, namesEnd).toString('utf8')) as Record<string, string>;
  const metadata = Object.fromEntries(
    Object.entries(names).map(([name, value]) => [name, new Uint8Array(Buffer.from(value, 'base64'))]),
  );
  return {
    payload: { metadata, data: new Uint8Array(plain.subarray(namesEnd)) },
    tenantId,
    workflowId: plain.subarray(HEADER_BYTES, idEnd).toString('utf8'),
  };
}

function toBase64(value: Uint8Array | null | undefined): string {
  return Buffer.from(value ?? new Uint8Array()).toString('base64');
}
