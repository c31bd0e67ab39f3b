/** Looks for a secret in bytes: as it is, and in the forms software writes secrets in. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Base64 has three forms of a text inside of another, by where it begins; the characters at its edges depend on the neighbours. */
function base64Forms(secret: string): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.from('x'.repeat(offset) + secret).toString('base64');
    return text.slice(offset === 0 ? 0 : 4, -4);
  });
}

export interface CanarySearch {
  /** @returns where it was found, one line each. */
  inText(where: string, text: string | Uint8Array): string[];
  /** All files below a folder, whatever they are. */
  inFolder(folder: string): string[];
}

export function createCanarySearch(secret: string): CanarySearch {
  const forms: readonly (readonly [string, Buffer])[] = [
    ['as it is', Buffer.from(secret)],
    ['as UTF-16', Buffer.from(secret, 'utf16le')],
    ['as hex', Buffer.from(Buffer.from(secret).toString('hex'))],
    ['as upper-case hex', Buffer.from(Buffer.from(secret).toString('hex').toUpperCase())],
    ...base64Forms(secret).map((form) => ['as base64', Buffer.from(form)] as const),
    ...base64Forms(secret).map(
      (form) => ['as base64url', Buffer.from(form.replaceAll('+', '-').replaceAll('/', '_'))] as const,
    ),
  ];
  const inText = (where: string, text: string | Uint8Array): string[] => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);
    return forms.filter(([, form]) => bytes.includes(form)).map(([name]) => `${where}: ${name}`);
  };
  return {
    inText,
    inFolder: (folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .flatMap((entry) => {
          const path = join(entry.parentPath, entry.name);
          return inText(path, readOrEmpty(path));
        }),
  };
}

/** Files come and go while the product runs. */
function readOrEmpty(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    return new Uint8Array();
  }
}
