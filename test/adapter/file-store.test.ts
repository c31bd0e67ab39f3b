/** Proven: bytes come back as they went in, shared content goes with its last file, and names never become paths. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createFolderFileStore } from '../../adapters/files/folder-file-store.js';
import { toPlainFilename } from '../../adapters/files/plain-filename.js';
import { createFileIndex } from '../../adapters/postgres/file-index.js';
import type { FileStore, NewFile } from '../../domain/ports/file-store.js';
import { describeOnDatabases } from '../support/database.js';

const root = mkdtempSync(join(tmpdir(), 'turnstone-files-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function aFile(content: string, changes: Partial<NewFile> = {}): NewFile {
  return {
    filename: 'notes.txt',
    mimeType: 'text/plain',
    purpose: 'user_data',
    content: Buffer.from(content),
    ...changes,
  };
}

/** All files on disk below the folder, drafts included. */
function stored(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

describeOnDatabases('folder file store', (open) => {
  const aStore = (): { files: FileStore; folder: string } => {
    const folder = mkdtempSync(join(root, 'store-'));
    return {
      files: createFolderFileStore({ folder, index: createFileIndex(open().database), maxBytes: 1000 }),
      folder,
    };
  };

  it('put -> read gives the bytes, get what is known about them; another tenant gets nothing', async () => {
    const { files } = aStore();
    const scope = await open().newScope();
    const record = await files.put(scope, aFile('héllo'));
    expect(record).toMatchObject({ filename: 'notes.txt', bytes: 6, purpose: 'user_data' });
    expect(await files.get(scope, record.id)).toEqual(record);
    expect(Buffer.from(await files.read(scope, record.id)).toString()).toBe('héllo');
    const other = await open().newScope();
    expect(await files.get(other, record.id)).toBeNull();
    expect(await files.remove(other, record.id)).toBe(false);
    await expect(files.read(other, record.id)).rejects.toMatchObject({ code: 'file.not-found' });
  });

  it('remove: one of two files with the same content -> the other can still be read; the last -> bytes are gone', async () => {
    const { files, folder } = aStore();
    const scope = await open().newScope();
    const first = await files.put(scope, aFile('same'));
    const second = await files.put(scope, aFile('same', { filename: 'copy.txt' }));
    expect(stored(folder)).toHaveLength(1);
    expect(await files.remove(scope, first.id)).toBe(true);
    expect(Buffer.from(await files.read(scope, second.id)).toString()).toBe('same');
    expect(await files.remove(scope, second.id)).toBe(true);
    expect(await files.remove(scope, second.id)).toBe(false);
    expect(stored(folder)).toEqual([]);
  });

  it('the same content in two tenants -> kept twice: one cannot learn of the other', async () => {
    const { files, folder } = aStore();
    const scope = await open().newScope();
    const mine = await files.put(scope, aFile('shared'));
    const theirs = await open().newScope();
    await files.put(theirs, aFile('shared'));
    expect(stored(folder)).toHaveLength(2);
    await files.remove(scope, mine.id);
    expect(stored(folder)).toHaveLength(1);
  });

  it('put and remove of one content at the same moment -> what is there can be read', async () => {
    const { files, folder } = aStore();
    const scope = await open().newScope();
    let last = await files.put(scope, aFile('busy'));
    for (let round = 0; round < 20; round += 1) {
      const [next] = await Promise.all([files.put(scope, aFile('busy')), files.remove(scope, last.id)]);
      expect(Buffer.from(await files.read(scope, next.id)).toString()).toBe('busy');
      last = next;
    }
    expect(stored(folder)).toHaveLength(1);
  });

  it('too large, empty, odd mime type -> refused, taken, made plain', async () => {
    const { files, folder } = aStore();
    const scope = await open().newScope();
    await expect(files.put(scope, aFile('x'.repeat(1001)))).rejects.toMatchObject({ code: 'request.too-large' });
    expect(stored(folder)).toEqual([]);
    const empty = await files.put(scope, aFile('', { mimeType: 'text/html\r\nset-cookie: x' }));
    expect(empty).toMatchObject({ bytes: 0, mimeType: 'application/octet-stream' });
    expect(await files.read(scope, empty.id)).toHaveLength(0);
  });

  it('content that vanished from the folder -> file.not-found that says so', async () => {
    const { files, folder } = aStore();
    const scope = await open().newScope();
    const record = await files.put(scope, aFile('lost'));
    rmSync(folder, { recursive: true });
    await expect(files.read(scope, record.id)).rejects.toMatchObject({ code: 'file.not-found' });
  });

  it('a tenant id that would leave the folder -> refused before the disk is touched', async () => {
    const { files, folder } = aStore();
    const scope = { ...(await open().newScope()), tenantId: '../../etc' };
    await expect(files.put(scope, aFile('x'))).rejects.toThrow();
    expect(stored(folder)).toEqual([]);
  });
});

describe('plain filename', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['a\\b\u0000c\nd', 'a_b_c_d'],
    ['..', 'file'],
    ['   ', 'file'],
    ['', 'file'],
    ['invoice\u202efdp.exe', 'invoice_fdp.exe'],
    ['half \ud83d', 'half \ufffd'],
    ['naïve 日本.txt', 'naïve 日本.txt'],
  ])('%j -> %j', (given, expected) => expect(toPlainFilename(given)).toBe(expected));

  it('a long name -> at most 255 bytes, extension kept, characters whole', () => {
    const plain = toPlainFilename(`${'日'.repeat(200)}.txt`);
    expect(Buffer.byteLength(plain)).toBeLessThanOrEqual(255);
    expect(plain).toMatch(/^日+\.txt$/);
  });
});
