/** The database and the files: PostgreSQL when DATABASE_URL is set, else PGlite in the data folder; migrated and ready. */
import { withoutPassword } from '../adapters/config/describe-config.js';
import type { Config } from '../adapters/config/load-config.js';
import { createFolderFileStore } from '../adapters/files/folder-file-store.js';
import { openPglite } from '../adapters/pglite/open-pglite.js';
import { createApprovalStore } from '../adapters/postgres/approval-store.js';
import { createApiKeyStore } from '../adapters/postgres/api-key-store.js';
import { createBudgetStore } from '../adapters/postgres/budget-store.js';
import { createAuditLog } from '../adapters/postgres/audit-log.js';
import { createConversationStore } from '../adapters/postgres/conversation-store.js';
import { createDatabase } from '../adapters/postgres/database.js';
import { createFileIndex } from '../adapters/postgres/file-index.js';
import { migrate } from '../adapters/postgres/migrate.js';
import { openPostgres } from '../adapters/postgres/open-postgres.js';
import { createTenantKeyStore } from '../adapters/postgres/tenant-key-store.js';
import { createTenantDirectory } from '../adapters/postgres/tenant-directory.js';
import { createTurnStore } from '../adapters/postgres/turn-store.js';
import { createUsageStore } from '../adapters/postgres/usage-store.js';
import { failure, toFailure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import type { ApiKeyStore } from '../domain/ports/api-key-store.js';
import type { BackupStore } from '../domain/ports/backup-store.js';
import type { BudgetStore } from '../domain/ports/budget-store.js';
import type { AuditLog } from '../domain/ports/audit-log.js';
import type { ApprovalStore } from '../domain/ports/approval-store.js';
import type { ConversationStore } from '../domain/ports/conversation-store.js';
import type { FileStore } from '../domain/ports/file-store.js';
import type { Logger } from '../domain/ports/logger.js';
import type { TenantDirectory } from '../domain/ports/tenant-directory.js';
import type { TurnStore } from '../domain/ports/turn-store.js';
import type { UsageStore } from '../domain/ports/usage-store.js';
import type { Closers } from './closers.js';
import { embeddedDatabaseDir, fileContentsDir } from './data-folder.js';
import { openBackups, startSnapshots } from './open-backups.js';
import { productVersion } from './product-version.js';
import { openSecrets } from './open-secrets.js';
import type { Secrets } from './open-secrets.js';

export interface Store {
  /** Null where the database is not embedded. */
  readonly backups: BackupStore | null;
  readonly turns: TurnStore;
  readonly approvals: ApprovalStore;
  readonly conversations: ConversationStore;
  readonly usage: UsageStore;
  readonly budgets: BudgetStore;
  readonly apiKeys: ApiKeyStore;
  readonly directory: TenantDirectory;
  readonly files: FileStore;
  readonly audit: AuditLog;
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
  const secrets = await openSecrets(config, createTenantKeyStore(database), logger);
  const backups = openBackups(config, pool, productVersion(), logger);
  if (backups !== null) startSnapshots(config, pool, backups, logger, closers);
  return {
    backups,
    turns: createTurnStore(database),
    approvals: createApprovalStore(database),
    conversations: createConversationStore(database),
    usage: createUsageStore(database),
    budgets: createBudgetStore(database),
    apiKeys: createApiKeyStore(database),
    directory: createTenantDirectory(database),
    files: createFolderFileStore({ folder: fileContentsDir(config.dataDir), index: createFileIndex(database) }),
    audit: createAuditLog(database),
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
