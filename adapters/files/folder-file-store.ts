/**
 * Bytes of files in a folder, each content once per tenant under its SHA-256; what is known about them is in the database.
 * A name from outside never becomes part of a path.
 */
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failure, toError } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import type { FileIndex } from '../../domain/ports/file-index.js';
import type { FileRecord, FileStore, NewFile } from '../../domain/ports/file-store.js';
import { tenantIdSchema } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { toPlainFilename } from './plain-filename.js';

export interface FolderFileStoreOptions {
  /** Made when missing. */
  readonly folder: string;
  readonly index: FileIndex;
  /** Longest content taken. */
  readonly maxBytes?: number;
}

/** What the OpenAI API takes as one file. */
const MAX_BYTES = 512 * 1024 * 1024;
const MIME_TYPE = /^[\w.+-]{1,100}\/[\w.+-]{1,100}(; ?[\w=."+-]{1,100})?$/;

/** A file store on a folder that only this product writes to. Safe for several processes that share folder and database. */
export function createFolderFileStore({ folder, index, maxBytes = MAX_BYTES }: FolderFileStoreOptions): FileStore {
  const pathOf = (scope: Scope, sha256: string): string => {
    // Checked again where it becomes a path: the pattern keeps separators and dots out.
    const tenant = tenantIdSchema.parse(scope.tenantId);
    return join(folder, tenant, sha256.slice(0, 2), sha256);
  };
  return {
    put: async (scope, file) => {
      const record = toRecord(file, maxBytes);
      const path = pathOf(scope, record.sha256);
      await writeOnce(path, file.content);
      await index.insert(scope, record);
      // A removal of the last file with this content may have taken the bytes in between; with the row in place none will.
      await writeOnce(path, file.content);
      return record;
    },
    get: (scope, id) => index.get(scope, id),
    read: async (scope, id) => {
      const record = await index.get(scope, id);
      if (record === null) throw failure('file.not-found', `there is no file ${id}`);
      return readContent(pathOf(scope, record.sha256), id);
    },
    remove: (scope, id) => index.remove(scope, id, ({ sha256 }) => rm(pathOf(scope, sha256), { force: true })),
  };
}

function toRecord(file: NewFile, maxBytes: number): FileRecord {
  if (file.content.length > maxBytes) {
    throw failure('request.too-large', `the file has ${file.content.length} bytes; at most ${maxBytes} are taken`);
  }
  return {
    id: newId('file'),
    filename: toPlainFilename(file.filename),
    mimeType: MIME_TYPE.test(file.mimeType) ? file.mimeType : 'application/octet-stream',
    bytes: file.content.length,
    sha256: createHash('sha256').update(file.content).digest('hex'),
    purpose: file.purpose,
    createdAtMs: Date.now(),
  };
}

/** Whole or not at all: written beside its place, brought to disk, then renamed into it. */
async function writeOnce(path: string, content: Uint8Array): Promise<void> {
  if (await exists(path)) return;
  const draft = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw unavailable('written', error);
  }
}

async function readContent(path: string, id: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw failure('file.not-found', `the content of file ${id} is gone; send the file again`, { cause: error });
    }
    throw unavailable('read', error);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw unavailable('read', error);
  }
}

function unavailable(done: string, error: unknown): Error {
  const why = codeOf(error) ?? toError(error).name;
  return failure(
    'store.unavailable',
    `the file folder cannot be ${done} (${why}); check its disk and its permissions`,
    {
      cause: error,
    },
  );
}

function codeOf(thrown: unknown): string | undefined {
  return (toError(thrown) as NodeJS.ErrnoException).code;
}
