/** `OperatorCodec`: the same payloads, in the JSON form of Temporal's codec servers. */
import type { Payload } from '@temporalio/common';
import { failure, toFailure } from '../../domain/failures.js';
import type { DecodedPayload, JsonPayload, OperatorCodec } from '../../domain/ports/operator-codec.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import { decryptPayload, encryptPayload, ownerOf } from './encrypted-payload.js';

export function createOperatorCodec(cipher: PayloadCipher): OperatorCodec {
  const decodeOne = async (
    json: JsonPayload,
    index: number,
    mayRead: (tenantId: string) => boolean,
  ): Promise<DecodedPayload> => {
    const payload = fromJson(json);
    const owner = ownerOf(payload);
    if (owner === null || !mayRead(owner.tenantId)) return { payload: json, opened: null };
    try {
      const { payload: plain, tenantId, workflowId } = await decryptPayload(cipher, owner, payload);
      return { payload: toJson(plain), opened: { tenantId, workflowId } };
    } catch (error) {
      const { code, message } = toFailure(error);
      if (code !== 'secrets.unreadable') throw error;
      throw failure('request.invalid', message, { param: `payloads[${index}]`, cause: error });
    }
  };
  return {
    decode: (payloads, mayRead) => Promise.all(payloads.map((json, index) => decodeOne(json, index, mayRead))),
    encode: (tenantId, payloads) =>
      Promise.all(
        payloads.map(async (json) =>
          toJson(await encryptPayload(cipher, { tenantId, workflowId: '' }, fromJson(json))),
        ),
      ),
  };
}

function fromJson({ metadata, data }: JsonPayload): Payload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
    ),
    data: Buffer.from(data ?? '', 'base64'),
  };
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const base64 = (bytes: Uint8Array | null | undefined): string =>
    Buffer.from(bytes ?? new Uint8Array()).toString('base64');
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
    data: base64(data),
  };
}
