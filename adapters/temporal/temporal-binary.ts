/** The Temporal program itself: which version is wanted, does a file run, and how a fetched one gets into its place. */
import { randomUUID } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand } from './run-command.js';

/** Server 1.32.0 and UI 2.54.1 inside. Fetched copies have this version exactly; one on PATH may be newer. */
export const TEMPORAL_CLI_VERSION = '1.9.1';

/** The program is 150 MB: the first start after a download reads all of it from disk. */
const VERSION_TIMEOUT_MS = 20_000;

/** @returns the version it reports, or null with the reason when it does not run. */
export async function temporalVersion(path: string): Promise<{ version: string } | { version: null; reason: string }> {
  const result = await runCommand(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  const version = /version v?(\d+\.\d+\.\d+)/.exec(result.output)?.[1];
  if (result.ok && version !== undefined) return { version };
  return { version: null, reason: result.ok ? `it reports no version: ${result.output.slice(0, 100)}` : result.reason };
}

/** @returns true when `version` is the wanted one or a later one. */
export function isRecentEnough(version: string, wanted: string = TEMPORAL_CLI_VERSION): boolean {
  const parts = (text: string): number[] => text.split('.').map(Number);
  const [left, right] = [parts(version), parts(wanted)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Where fetched copies are kept: one per version, so that an update of the product fetches its own. */
export function cachedBinaryPath(cacheDir: string): string {
  return join(cacheDir, `temporal-${TEMPORAL_CLI_VERSION}`, 'temporal');
}

/** Longer than any source may take: a work folder that has not changed for so long has lost its process. */
const ABANDONED_MS = 30 * 60_000;
const WORK_FOLDER = /^fetch-/;

/** A killed download leaves its work folder, 150 MB of it. Never throws: an untidy cache folder keeps nobody from starting. */
export async function removeAbandonedFetches(cacheDir: string): Promise<void> {
  const names = await readdir(cacheDir).catch(() => []); // Nothing was fetched yet, or the fetch will say what is wrong.
  for (const name of names) {
    if (!WORK_FOLDER.test(name)) continue;
    const folder = join(cacheDir, name);
    const found = await stat(folder).catch(() => null); // Its own process was faster.
    if (found === null || Date.now() - found.mtimeMs < ABANDONED_MS) continue;
    await rm(folder, { recursive: true, force: true }).catch(() => undefined); // Not ours to remove; nothing needs its place.
  }
}

/** A fresh folder beside the final place: on the same file system, so that the last move is atomic. */
export async function withWorkFolder<T>(cacheDir: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, 'fetch-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Check that a fetched file runs and has the wanted version, then move it into its place in one step. Two processes that
 * do this at once both succeed: the later move replaces the file by an equal one.
 * @returns null, or why the file is refused.
 */
export async function installBinary(file: string, destination: string): Promise<string | null> {
  await chmod(file, 0o755);
  const found = await temporalVersion(file);
  if (found.version === null) return `the fetched file does not run: ${found.reason}`;
  if (found.version !== TEMPORAL_CLI_VERSION)
    return `it is version ${found.version}, wanted is ${TEMPORAL_CLI_VERSION}`;
  await mkdir(dirname(destination), { recursive: true });
  const beside = `${destination}.${randomUUID()}.new`;
  await rename(file, beside).catch(() => copyFile(file, beside)); // Another file system: copy, then move.
  await rename(beside, destination);
  return null;
}
