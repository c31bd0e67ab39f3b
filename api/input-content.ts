/** Content parts of a request as they are stored: inline bytes move to the file store and leave their id behind. */
import { failure } from '../domain/failures.js';
import { isId } from '../domain/ids.js';
import type { InputContent, InputFile, InputImage } from '../domain/item.js';
import type { FileStore } from '../domain/ports/file-store.js';
import type { Scope } from '../domain/scope.js';
import { checkRemoteUrl, parseDataUrl, parseFileData, sniffImage } from './data-url.js';

export interface ContentIntake {
  /** @throws `request.invalid`, `request.too-large`, `file.not-found`, each with its param. */
  take(part: RequestedContent, path: string): Promise<InputContent>;
  /** Removes what was stored, when the request is refused after all. */
  undo(): Promise<void>;
}

export type RequestedContent =
  | { readonly type: 'input_text'; readonly text: string }
  | {
      readonly type: 'input_image';
      readonly detail: 'low' | 'high' | 'auto';
      readonly image_url?: string | null | undefined;
      readonly file_id?: string | null | undefined;
    }
  | {
      readonly type: 'input_file';
      readonly filename?: string | undefined;
      readonly file_url?: string | undefined;
      readonly file_data?: string | undefined;
      readonly file_id?: string | null | undefined;
    };

const MAX_NAME_CHARS = 120;

/** A plain name: no path, no control characters; the last part of what the client sent. */
export function toPlainFilename(name: string | undefined, fallback: string): string {
  const last = (name ?? '').split(/[/\\]/).at(-1) ?? '';
  const plain = last
    .replace(/[\x00-\x1f\x7f]/g, '')
    .trim()
    .slice(-MAX_NAME_CHARS);
  return plain === '' || /^\.+$/.test(plain) ? fallback : plain;
}

async function requireFile(files: FileStore, scope: Scope, id: string, param: string): Promise<void> {
  const found = isId(id) ? await files.get(scope, id) : null;
  if (found !== null) return;
  throw failure('file.not-found', `There is no file '${id}'. Send the bytes in the request instead.`, { param });
}

export function createContentIntake(files: FileStore, scope: Scope): ContentIntake {
  const stored: string[] = [];

  const keep = async (filename: string, mimeType: string, content: Uint8Array): Promise<string> => {
    const record = await files.put(scope, { filename, mimeType, purpose: 'user_data', content });
    stored.push(record.id);
    return record.id;
  };

  const takeImage = async (
    part: Extract<RequestedContent, { type: 'input_image' }>,
    path: string,
  ): Promise<InputImage> => {
    const { type, detail } = part;
    if (typeof part.file_id === 'string') {
      await requireFile(files, scope, part.file_id, `${path}.file_id`);
      return { type, detail, file_id: part.file_id };
    }
    const param = `${path}.image_url`;
    if (typeof part.image_url !== 'string')
      throw failure('request.invalid', `'${path}' needs image_url or file_id.`, { param });
    if (!/^data:/i.test(part.image_url)) {
      checkRemoteUrl(part.image_url, param);
      return { type, detail, image_url: part.image_url };
    }
    const image = sniffImage(parseDataUrl(part.image_url, param).content, param);
    return { type, detail, file_id: await keep(image.filename, image.mimeType, image.content) };
  };

  const takeFile = async (
    part: Extract<RequestedContent, { type: 'input_file' }>,
    path: string,
  ): Promise<InputFile> => {
    const { type } = part;
    const named = part.filename === undefined ? {} : { filename: toPlainFilename(part.filename, 'file') };
    if (typeof part.file_id === 'string') {
      await requireFile(files, scope, part.file_id, `${path}.file_id`);
      return { type, ...named, file_id: part.file_id };
    }
    if (part.file_data !== undefined) {
      const { mimeType, content } = parseFileData(part.file_data, `${path}.file_data`);
      const filename = toPlainFilename(part.filename, mimeType === 'application/pdf' ? 'file.pdf' : 'file');
      return { type, filename, file_id: await keep(filename, mimeType, content) };
    }
    const param = `${path}.file_url`;
    if (part.file_url === undefined) {
      throw failure('request.invalid', `'${path}' needs file_data, file_url or file_id.`, {
        param: `${path}.file_data`,
      });
    }
    checkRemoteUrl(part.file_url, param);
    return { type, ...named, file_url: part.file_url };
  };

  return {
    async take(part, path) {
      if (part.type === 'input_text') return { type: 'input_text', text: part.text };
      return part.type === 'input_image' ? takeImage(part, path) : takeFile(part, path);
    },
    async undo() {
      for (const id of stored.splice(0)) await files.remove(scope, id);
    },
  };
}
