/** The database and the files: PostgreSQL when DATABASE_URL is set, else PGlite in the data folder; migrated and ready. */
import { withoutPassword } from '../adapters/config/describe-config.js';
import type { Config } from '../adapters/config/load-config.js';
import { openPglite } from '../adapters/pglite/open-pglite.js';
import { createDatabase } from '../adapters/postgres/database.js';
import { migrate } from '../adapters/postgres/migrate.js';
import { openPostgres } from '../adapters/postgres/open-postgres.js';
import { createTenantKeyStore } from '../adapters/postgres/tenant-key-store.js';
import { failure, toFailure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import type { BackupStore } from '../domain/ports/backup-store.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Closers } from './closers.js';
import { embeddedDatabaseDir, fileContentsDir } from './data-folder.js';
import { openBackups, startSnapshots } from './open-backups.js';
import { productVersion } from './product-version.js';
import { openSecrets } from './open-secrets.js';
import type { Secrets } from './open-secrets.js';
import { createStores } from './stores-over-database.js';
import type { Stores } from './stores-over-database.js';
import { crashDecorators } from './with-crash-points.js';

export interface Store extends Stores {
  /** Null where the database is not embedded. */
  readonly backups: BackupStore | null;
  readonly secrets: Secrets;
  /** `PGlite 17.5`, `PostgreSQL 15.6`. */
  readonly description: string;
  /** One round trip. */
  ping(): Promise<void>;
}

const DAMAGE_REMEDY =
  'go back to the newest copy with `npx turnstone restore newest --replace` (what is there now is moved aside), then start again';

/** @throws `store.unavailable` */
export async function openStore(
  config: Config,
  logger: Logger,
  closers: Closers,
  say: (detail: string) => void,
): Promise<Store> {
  const url = config.database.url;
  const pool = await (url === undefined
    ? openPglite({
        dataDir: embeddedDatabaseDir(config.dataDir),
        sync: config.database.sync,
        damageRemedy: DAMAGE_REMEDY,
        logger,
      })
    : openPostgres({ url, logger }).catch((error: unknown) => {
        throw unreachable(url, error);
      }));
  closers.add('database', () => pool.close());
  const database = createDatabase(pool, logger);
  say('bringing the schema up to date');
  await migrate(database);
  const tenantKeys = crashDecorators(config).port('tenantKeys', createTenantKeyStore(database));
  const secrets = await openSecrets(config, tenantKeys, logger);
  const backups = openBackups(config, pool, productVersion(), logger);
  if (backups !== null) startSnapshots(config, pool, backups, logger, closers);
  return {
    backups,
    ...createStores(database, fileContentsDir(config.dataDir), secrets.box),
    secrets,
    description: `${pool.kind === 'pglite' ? 'PGlite' : 'PostgreSQL'} ${pool.version}`,
    ping: async () => {
      await pool.pool.query('select 1');
    },
  };
}

/** Which database it was, and which setting names it. */
function unreachable(url: string, thrown: unknown): Failure {
  const { code, message } = toFailure(thrown, 'store.unavailable');
  return failure(code, `DATABASE_URL (${withoutPassword(url)}): ${message}`, { cause: thrown });
}
