/** Bytes -> text with the charset that the header, the byte order mark or the page itself names. */
const SNIFFED_BYTES = 2048;

export interface ContentType {
  readonly type: string;
  readonly charset: string | null;
}

export function parseContentType(header: string): ContentType {
  const [type = '', ...parameters] = header.split(';');
  const charset = parameters
    .map((part) => /^\s*charset\s*=\s*"?([^"\s]+)"?\s*$/i.exec(part)?.[1])
    .find((value) => value !== undefined);
  return { type: type.trim().toLowerCase(), charset: charset ?? null };
}

function markOf(bytes: Uint8Array): string | null {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null;
}

/** `<meta charset>`, `<meta http-equiv>` and `<?xml encoding?>` in the first bytes, which are ASCII in any of these charsets. */
function declaredIn(bytes: Uint8Array): string | null {
  const head = Buffer.from(bytes.subarray(0, SNIFFED_BYTES)).toString('latin1');
  return (
    /<meta[^>]+charset\s*=\s*["']?([\w-]+)/i.exec(head)?.[1] ??
    /^<\?xml[^>]+encoding\s*=\s*["']([\w-]+)/i.exec(head)?.[1] ??
    null
  );
}

function decoderFor(label: string | null): InstanceType<typeof TextDecoder> | null {
  if (label === null) return null;
  try {
    return new TextDecoder(label);
  } catch {
    return null; // a name no standard knows: the next guess decides
  }
}

export function decodeText(bytes: Uint8Array, charset: string | null): string {
  const decoder =
    decoderFor(markOf(bytes)) ?? decoderFor(charset) ?? decoderFor(declaredIn(bytes)) ?? new TextDecoder('utf-8');
  return decoder.decode(bytes);
}
