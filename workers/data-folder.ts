/** Where things are in the data folder. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Names the process that has the folder open. */
export function dataFolderLockPath(dataDir: string): string {
  return join(dataDir, 'turnstone.lock');
}

/** Where PGlite keeps its files; its own lock lies beside it. */
export function embeddedDatabaseDir(dataDir: string): string {
  return join(dataDir, 'database');
}

/** Contents of files, by tenant and hash. */
export function fileContentsDir(dataDir: string): string {
  return join(dataDir, 'files');
}

/** What the embedded Temporal server keeps: workflows in progress. */
export function embeddedTemporalFile(dataDir: string): string {
  return join(dataDir, 'temporal.db');
}

/** Copies of the database alone, made on a schedule. */
export function snapshotsDir(dataDir: string): string {
  return join(dataDir, 'snapshots');
}

/** Copies of everything, made by hand; kept here unless the configuration names another place. */
export function backupsDir(dataDir: string): string {
  return join(dataDir, 'backups');
}

/** Wraps the keys of tenants when none is given by TURNSTONE_MASTER_KEY. Whoever copies the folder copies it too. */
export function masterKeyPath(dataDir: string): string {
  return join(dataDir, 'master.key');
}

function serverRecordPath(dataDir: string): string {
  return join(dataDir, 'server.json');
}

/** Where the API of this folder listens: a command line option or port 0 may have chosen it. */
export async function writeServerRecord(dataDir: string, apiUrl: string | null): Promise<void> {
  await writeFile(serverRecordPath(dataDir), JSON.stringify({ pid: process.pid, apiUrl }));
}

/** @returns null when the process with this pid has left no address. */
export async function readServerUrl(dataDir: string, pid: number): Promise<string | null> {
  try {
    const record = JSON.parse(await readFile(serverRecordPath(dataDir), 'utf8')) as { pid?: unknown; apiUrl?: unknown };
    return record.pid === pid && typeof record.apiUrl === 'string' ? record.apiUrl : null;
  } catch {
    return null; // None, or one that is being written: the configured address is looked at instead.
  }
}
