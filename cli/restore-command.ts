/** `turnstone restore`: makes a backup or snapshot the database of a data folder whose server is stopped. */
import { resolve } from 'node:path';
import { loadConfig } from '../adapters/config/load-config.js';
import { listBackups } from '../adapters/pglite/folder-backups.js';
import { restoreBackup } from '../adapters/pglite/restore-backup.js';
import { failure } from '../domain/failures.js';
import {
  backupsDir,
  dataFolderLockPath,
  embeddedDatabaseDir,
  embeddedTemporalFile,
  snapshotsDir,
} from '../workers/data-folder.js';

export interface RestoreFlags {
  readonly dataDir?: string;
  readonly replace?: boolean;
  readonly json?: boolean;
}

const NEWEST = 'newest';
/** SQLite keeps its log beside its file. */
const TEMPORAL_FILES = ['', '-wal', '-shm'];

/**
 * @param from the folder of a backup, or `newest`: the newest backup or snapshot of the data folder.
 * @returns the exit code. @throws as `restoreBackup` says; `config.invalid`.
 */
export async function runRestore(
  from: string,
  flags: RestoreFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const overrides = flags.dataDir === undefined ? {} : { data_dir: { flag: '--data-dir', value: flags.dataDir } };
  const { dataDir, backup } = loadConfig(env, { cwd: process.cwd(), flags: overrides });
  const folder = from === NEWEST ? await newestOf([backup.dir ?? backupsDir(dataDir), snapshotsDir(dataDir)]) : from;
  const target = {
    dataDir,
    databaseDir: embeddedDatabaseDir(dataDir),
    lockPath: dataFolderLockPath(dataDir),
    companions: TEMPORAL_FILES.map((suffix) => `${embeddedTemporalFile(dataDir)}${suffix}`),
  };
  const { manifest, movedAside } = await restoreBackup(resolve(folder), target, flags.replace === true);
  const report = {
    restored: resolve(folder),
    kind: manifest.kind,
    made_at: manifest.created_at,
    into: dataDir,
    moved_aside: movedAside,
  };
  const lines = [
    `Restored the ${manifest.kind} of ${manifest.created_at} into ${dataDir}.`,
    ...movedAside.map((path) => `  moved aside: ${path}`),
    'Start the server: turns that were open then go on, or are settled, within a minute.',
  ];
  process.stdout.write(`${flags.json === true ? JSON.stringify(report) : lines.join('\n')}\n`);
  return 0;
}

async function newestOf(folders: readonly string[]): Promise<string> {
  const found = (await Promise.all(folders.map(listBackups))).flat();
  const [newest] = found.sort((left, right) => right.createdAtMs - left.createdAtMs);
  if (newest !== undefined) return newest.path;
  throw failure('request.invalid', `There is no backup and no snapshot in ${folders.join(' or ')}: name its folder.`);
}
