/**
 * Keeps two processes from building the same thing at once. It saves work and nothing more: what is built appears by one
 * rename, so two builders (after a stolen lock) end with one of two equal results.
 */
import { open, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const REFRESH_MS = 2000;
/** A holder refreshes its lock; one that did not for this long is dead or stopped. */
const STALE_MS = 15_000;
const LOOK_EVERY_MS = 500;

async function tryLock(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    await handle.writeFile(String(process.pid));
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeIfStale(path: string): Promise<void> {
  const found = await stat(path).catch(() => null); // removed by its holder meanwhile
  if (found !== null && Date.now() - found.mtimeMs > STALE_MS) await rm(path, { force: true });
}

/**
 * Run `build` under the lock file `path`, unless `isDone` turns true while another process holds it.
 * @throws what `build` throws; the signal's reason when aborted while waiting.
 */
export async function withBuildLock(
  path: string,
  isDone: () => Promise<boolean>,
  build: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!(await tryLock(path))) {
    await removeIfStale(path);
    await delay(LOOK_EVERY_MS, undefined, { signal });
    if (await isDone()) return;
  }
  const refresh = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined); // lost to somebody who thought it stale: see the header
  }, REFRESH_MS);
  try {
    if (!(await isDone())) await build();
  } finally {
    clearInterval(refresh);
    await rm(path, { force: true });
  }
}
