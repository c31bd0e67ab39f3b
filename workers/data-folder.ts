/** Where things are in the data folder. */
import { join } from 'node:path';

/** Names the process that has the folder open. */
export function dataFolderLockPath(dataDir: string): string {
  return join(dataDir, 'turnstone.lock');
}

/** Where PGlite keeps its files; its own lock lies beside it. */
export function embeddedDatabaseDir(dataDir: string): string {
  return join(dataDir, 'database');
}
