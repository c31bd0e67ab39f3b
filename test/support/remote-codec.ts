/** The product's codec endpoints as a codec of a Temporal client: what an operator's tools do. */
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload } from '@temporalio/common';
import type { JsonPayload } from '../../domain/ports/operator-codec.js';

const FAILURES = fileURLToPath(new URL('../../adapters/temporal/encoded-failures.cjs', import.meta.url));

export function remoteConverter(apiUrl: string, key: string): DataConverter {
  const codec = {
    encode: (payloads: Payload[]) => callCodec(`${apiUrl}/codec/encode`, key, payloads),
    decode: (payloads: Payload[]) => callCodec(`${apiUrl}/codec/decode`, key, payloads),
  };
  return { payloadCodecs: [codec], failureConverterPath: FAILURES };
}

/** @param key empty: the URL is all there is. */
export async function callCodec(
  url: string,
  key: string,
  payloads: readonly Payload[],
  more: Readonly<Record<string, string>> = {},
): Promise<Payload[]> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      'content-type': 'application/json',
      'x-namespace': 'default',
      ...more,
    },
    body: JSON.stringify({ payloads: payloads.map(toJson) }),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { payloads: JsonPayload[] }).payloads.map(fromJson);
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)] as const);
  return { metadata: Object.fromEntries(entries), data: base64(data) };
}

function fromJson({ metadata, data }: JsonPayload): Payload {
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [name, bytes(value)] as const);
  return { metadata: Object.fromEntries(entries), data: bytes(data ?? '') };
}
