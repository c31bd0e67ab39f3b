/**
 * An embedded database without rows, migrated and closed, to be copied: making one takes five seconds of processor time,
 * opening a copy half a second. Kept in the test cache; another PGlite or another migration makes another one.
 */
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPglite } from '../../adapters/pglite/open-pglite.js';
import { createDatabase } from '../../adapters/postgres/database.js';
import { migrate } from '../../adapters/postgres/migrate.js';
import { silentLogger } from './silent-logger.js';
import { TEST_CACHE_DIR } from './test-cache.js';

const MIGRATIONS = fileURLToPath(new URL('../../adapters/postgres/migrations', import.meta.url));
const MIGRATE = fileURLToPath(new URL('../../adapters/postgres/migrate.ts', import.meta.url));

/** Put a database of its own into `dataDir`, which must not exist. */
export async function copyEmptyDatabase(dataDir: string): Promise<void> {
  const template = join(TEST_CACHE_DIR, 'test', `database-${templateKey()}`);
  if (!existsSync(template)) await makeTemplate(template);
  mkdirSync(dirname(dataDir), { recursive: true });
  cpSync(template, dataDir, { recursive: true });
}

function templateKey(): string {
  const hash = createHash('sha256');
  hash.update(readFileSync(createRequire(import.meta.url).resolve('@electric-sql/pglite')));
  for (const name of readdirSync(MIGRATIONS).sort()) hash.update(readFileSync(join(MIGRATIONS, name)));
  hash.update(readFileSync(MIGRATE));
  return hash.digest('hex').slice(0, 12);
}

async function makeTemplate(template: string): Promise<void> {
  const draft = `${template}.${randomUUID()}`;
  mkdirSync(dirname(template), { recursive: true });
  const opened = await openPglite({ dataDir: draft, logger: silentLogger });
  try {
    await migrate(createDatabase(opened, silentLogger));
  } finally {
    await opened.close();
  }
  try {
    renameSync(draft, template);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another test file was faster: its database is as good.
    if (!existsSync(template)) throw error;
  }
}
