/** Copies of many files that are on disk before anyone relies on them: one sync of the file system instead of one per file. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
/** A busy disk takes seconds to write what it holds back. */
const SYNC_LIMIT_MS = 120_000;

/** @param to its folder is made when missing. Not on disk before {@link syncTree}. */
export async function copyInto(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await copyFile(from, to);
}

/** Resolves when everything below the folder is on disk. */
export async function syncTree(folder: string): Promise<void> {
  try {
    // A thousand new files synced one by one are a thousand journal commits.
    await execute('sync', ['-f', folder], { timeout: SYNC_LIMIT_MS });
  } catch {
    // No such program, or one without -f (not Linux): file by file does the same, slowly.
    await syncEach(folder);
  }
}

async function syncEach(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncEach(path);
    else if (entry.isFile()) await syncOne(path);
  }
}

async function syncOne(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
