/** Data URLs -> bytes, checked: what says it is an image must begin like one. */
import { failure } from '../domain/failures.js';

export const MAX_INLINE_BYTES = 20 * 1024 * 1024;
const MAX_HEADER_CHARS = 300;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const MIME = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,80}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}$/;

export interface InlineBytes {
  readonly mimeType: string;
  readonly content: Uint8Array;
}

interface Signature {
  readonly mimeType: string;
  readonly extension: string;
  readonly matches: (bytes: Uint8Array) => boolean;
}

const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

const IMAGES: readonly Signature[] = [
  { mimeType: 'image/png', extension: 'png', matches: (bytes) => ascii(bytes, 1, 4) === 'PNG' && bytes[0] === 0x89 },
  {
    mimeType: 'image/jpeg',
    extension: 'jpg',
    matches: (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff,
  },
  { mimeType: 'image/gif', extension: 'gif', matches: (bytes) => ascii(bytes, 0, 4) === 'GIF8' },
  {
    mimeType: 'image/webp',
    extension: 'webp',
    matches: (bytes) => ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP',
  },
];

function bytesOf(base64: string, param: string): Uint8Array {
  if (base64.length > Math.ceil(MAX_INLINE_BYTES / 3) * 4) {
    throw failure(
      'request.too-large',
      `'${param}' is larger than ${MAX_INLINE_BYTES} bytes. Send a smaller file or an https URL.`,
      { param },
    );
  }
  const standard = base64.replaceAll('-', '+').replaceAll('_', '/');
  if (!BASE64.test(standard) || standard.replaceAll('=', '').length % 4 === 1) {
    throw failure('request.invalid', `'${param}' is not valid base64. Encode the bytes again.`, { param });
  }
  const content = Buffer.from(standard, 'base64');
  if (content.length === 0)
    throw failure('request.invalid', `'${param}' holds no bytes. Send the content of the file.`, { param });
  return content;
}

/** @throws `request.invalid`, `request.too-large`. */
export function parseDataUrl(url: string, param: string): InlineBytes {
  const comma = url.slice(0, MAX_HEADER_CHARS).indexOf(',');
  const header = comma < 0 ? null : url.slice('data:'.length, comma).toLowerCase();
  if (!/^data:/i.test(url) || header === null || !header.endsWith(';base64')) {
    throw failure('request.invalid', `'${param}' is not a base64 data URL (data:<type>;base64,<bytes>).`, { param });
  }
  const mimeType = header.split(';')[0] ?? '';
  if (!MIME.test(mimeType))
    throw failure('request.invalid', `'${param}' names no valid media type. Write data:<type>/<subtype>;base64,…`, {
      param,
    });
  return { mimeType, content: bytesOf(url.slice(comma + 1), param) };
}

/** The image's real type and a file name for it, whatever the data URL claims. @throws `request.invalid`. */
export function sniffImage(content: Uint8Array, param: string): InlineBytes & { readonly filename: string } {
  const found = IMAGES.find((signature) => signature.matches(content));
  if (found === undefined) {
    throw failure('request.invalid', `'${param}' is not a PNG, JPEG, GIF or WebP image. Convert it to one of these.`, {
      param,
    });
  }
  return { content, mimeType: found.mimeType, filename: `image.${found.extension}` };
}

/** `file_data` comes as a data URL or, from older clients, as bare base64. */
export function parseFileData(data: string, param: string): InlineBytes {
  if (/^data:/i.test(data)) return parseDataUrl(data, param);
  const content = bytesOf(data, param);
  return { mimeType: ascii(content, 0, 5) === '%PDF-' ? 'application/pdf' : 'application/octet-stream', content };
}

const MAX_URL_CHARS = 8192;

/** @throws `request.invalid` for anything but an http(s) URL. */
export function checkRemoteUrl(url: string, param: string): void {
  const readable = url.length <= MAX_URL_CHARS && /^https?:\/\//i.test(url) && URL.canParse(url);
  if (!readable) {
    throw failure(
      'request.invalid',
      `'${param}' is not an http(s) URL of at most ${MAX_URL_CHARS} characters, nor a data URL.`,
      { param },
    );
  }
}
