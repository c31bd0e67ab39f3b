/**
 * One process per data folder. PGlite itself lets two processes open the same folder and then loses writes without an
 * error, so this lock is taken first. A lock is reaped only when the process that holds it is gone, never by age: a
 * process whose event loop is blocked looks dead to a clock.
 */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { failure, toError } from '../../domain/failures.js';

export interface FolderLock {
  release(): Promise<void>;
}

const holderSchema = z.object({
  pid: z.int().positive(),
  /** Start of the process in clock ticks since boot; tells a reused pid apart. Null where /proc is missing. */
  startTicks: z.string().nullable(),
  /** A pid says nothing about processes of another host or container. */
  host: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

/**
 * Take the lock of a data folder, which is a file beside it unless `path` names another place.
 * @throws `store.unavailable` naming the holder, the folder and what to do.
 */
export async function lockFolder(dataDir: string, path = `${dataDir}.lock`): Promise<FolderLock> {
  const own: Holder = { pid: process.pid, startTicks: startTicksOf(process.pid), host: hostname() };
  const text = JSON.stringify(own);
  // Two rounds: the first may find a dead holder and reap it; losing the second means that someone else was faster.
  for (let round = 0; round < 2; round += 1) {
    if (await tryCreate(path, text)) return { release: () => releaseIfOwn(path, text) };
    await reapIfDead(path, dataDir);
  }
  throw held(dataDir, path, 'another process that took it just now');
}

/** Written whole, then linked into place: nobody ever reads half a lock, and `link` fails when the name is taken. */
async function tryCreate(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${String(process.pid)}.${globalThis.crypto.randomUUID()}`;
  await writeFile(draft, text, { flag: 'wx', mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function reapIfDead(path: string, dataDir: string): Promise<void> {
  const text = await readOrNull(path);
  if (text === null) return;
  const holder = parseHolder(text);
  if (holder === null) throw held(dataDir, path, 'a lock file that cannot be read');
  if (holder.host !== hostname()) throw heldElsewhere(dataDir, path, holder);
  if (isAlive(holder)) throw held(dataDir, path, `process ${String(holder.pid)}`);
  // Moved aside under a name of our own, then compared: of two reapers only one moves the dead lock, and one that moved
  // a lock taken meanwhile puts it back.
  const aside = `${path}.dead.${globalThis.crypto.randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if ((await readOrNull(aside)) !== text) await link(aside, path);
  await rm(aside, { force: true });
}

async function releaseIfOwn(path: string, text: string): Promise<void> {
  if ((await readOrNull(path)) === text) await rm(path, { force: true });
}

function held(dataDir: string, path: string, holder: string): Error {
  return failure(
    'store.unavailable',
    `the data folder ${dataDir} is in use by ${holder}; stop that process or set another TURNSTONE_DATA_DIR` +
      ` (if you are sure that nothing uses the folder, delete ${path})`,
  );
}

/** Whether that process still runs cannot be seen from here, and two openers would destroy the database: a person decides. */
function heldElsewhere(dataDir: string, path: string, holder: Holder): Error {
  return failure(
    'store.unavailable',
    `the data folder ${dataDir} is locked by process ${String(holder.pid)} on host ${holder.host}, and this is host ${hostname()}.` +
      ` When that host or container is gone for good (a container that was made anew has a new host name), remove the lock` +
      ` file ${path} and start again; while a server runs there, stop it first, or set another TURNSTONE_DATA_DIR`,
  );
}

function parseHolder(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    // Not ours or damaged: the caller refuses the folder and says so, which is the answer to every reason.
    return null;
  }
}

function isAlive(holder: Holder): boolean {
  const ticks = startTicksOf(holder.pid);
  if (holder.startTicks !== null && ticks !== null) return holder.startTicks === ticks;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Field 22 of /proc/<pid>/stat; counted after the last `)`, since a program's name may hold spaces and brackets. */
function startTicksOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    // No /proc on this system, or no such process: `isAlive` then asks the kernel for the pid.
    return null;
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function codeOf(thrown: unknown): string | undefined {
  return (toError(thrown) as NodeJS.ErrnoException).code;
}
