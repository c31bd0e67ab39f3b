/** Names of files as users and tools give them -> names that are safe in a header, a listing and a folder. Pure. */

const MAX_BYTES = 255;
/** Path separators, control characters, and the marks that turn the reading direction (which hide an extension). */
const UNSAFE = /[/\\\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const LONGEST_EXTENSION = 16;

/** @returns a name without separators and control characters, not `.` or `..`, of at most 255 bytes; `file` when nothing is left. */
export function toPlainFilename(name: string): string {
  // Half surrogate pairs become the replacement character: the name must survive UTF-8.
  const readable = Buffer.from(name.normalize('NFC'), 'utf8').toString('utf8');
  const plain = readable.replace(UNSAFE, '_').trim();
  const named = /^\.*$/.test(plain) ? 'file' : plain;
  if (Buffer.byteLength(named) <= MAX_BYTES) return named;
  const dot = named.lastIndexOf('.');
  const extension = dot > 0 && named.length - dot <= LONGEST_EXTENSION ? named.slice(dot) : '';
  return (
    cutToBytes(named.slice(0, named.length - extension.length), MAX_BYTES - Buffer.byteLength(extension)) + extension
  );
}

function cutToBytes(text: string, maxBytes: number): string {
  let cut = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    cut += character;
  }
  return cut;
}
