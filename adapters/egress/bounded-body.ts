/** Reads a response body: decoded, with a cap on what comes out and on how much larger that is than what came in. */
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { failure } from '../../domain/failures.js';

/** Honest pages shrink to a tenth; a bomb is a thousand times larger than it looks. Small bodies are left alone. */
const MAX_RATIO = 200;
const RATIO_MATTERS_FROM_BYTES = 1024 * 1024;
/** Encodings can be stacked; nobody needs more than two. */
const MAX_ENCODINGS = 2;

function decoderFor(encoding: string, host: string): Transform | null {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'identity':
    case '':
      return null;
    default:
      throw failure(
        'egress.unreachable',
        `${host} answered in the encoding ${JSON.stringify(encoding.slice(0, 40))}, which was not asked for`,
      );
  }
}

function decodersFor(contentEncoding: string, host: string): readonly Transform[] {
  const encodings = contentEncoding.split(',').map((part) => part.trim().toLowerCase());
  if (encodings.length > MAX_ENCODINGS)
    throw failure('egress.too-large', `${host} answered with ${encodings.length} stacked encodings`);
  return encodings
    .reverse()
    .map((encoding) => decoderFor(encoding, host))
    .filter((decoder) => decoder !== null);
}

export interface BodyLimits {
  readonly maxBytes: number;
  readonly host: string;
}

/** @throws `egress.too-large`; stream errors as they are. The source is destroyed in any case. */
export async function readBounded(
  source: Readable,
  contentEncoding: string,
  { maxBytes, host }: BodyLimits,
): Promise<Uint8Array> {
  const decoders = decodersFor(contentEncoding, host);
  let received = 0;
  source.on('data', (chunk: Buffer) => (received += chunk.length));
  let last: Readable = source;
  for (const decoder of decoders) {
    const previous = last;
    previous.once('error', (error) => decoder.destroy(error));
    last = previous.pipe(decoder);
  }
  const chunks: Buffer[] = [];
  let kept = 0;
  try {
    for await (const chunk of last) {
      const bytes = chunk as Buffer;
      kept += bytes.length;
      if (kept > maxBytes)
        throw failure(
          'egress.too-large',
          `${host} sent more than ${maxBytes} bytes, which is the limit for this request`,
        );
      if (decoders.length > 0 && kept > RATIO_MATTERS_FROM_BYTES && kept > received * MAX_RATIO) {
        throw failure(
          'egress.too-large',
          `${host} sent compressed data that grows more than ${MAX_RATIO} times; it is taken for a decompression bomb`,
        );
      }
      chunks.push(bytes);
    }
    return Buffer.concat(chunks);
  } finally {
    source.on('error', () => undefined); // destroying it in the middle is our doing
    source.destroy();
    for (const decoder of decoders) decoder.destroy();
  }
}
