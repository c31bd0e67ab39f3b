/** Every store over one database. A new store is added here, and with that to the tests that run the API over real stores. */
import { createFolderFileStore } from '../adapters/files/folder-file-store.js';
import { createApiKeyStore } from '../adapters/postgres/api-key-store.js';
import { createApprovalStore } from '../adapters/postgres/approval-store.js';
import { createAuditLog } from '../adapters/postgres/audit-log.js';
import { createBudgetStore } from '../adapters/postgres/budget-store.js';
import { createConversationStore } from '../adapters/postgres/conversation-store.js';
import type { Database } from '../adapters/postgres/database.js';
import { createEffectStore } from '../adapters/postgres/effect-store.js';
import { createFileIndex } from '../adapters/postgres/file-index.js';
import { createSteerStore } from '../adapters/postgres/steer-store.js';
import { createTenantDirectory } from '../adapters/postgres/tenant-directory.js';
import { createTurnCredentials } from '../adapters/postgres/turn-credentials.js';
import { createTurnStore } from '../adapters/postgres/turn-store.js';
import { createUsageStore } from '../adapters/postgres/usage-store.js';
import type { ApiKeyStore } from '../domain/ports/api-key-store.js';
import type { ApprovalStore } from '../domain/ports/approval-store.js';
import type { AuditLog } from '../domain/ports/audit-log.js';
import type { BudgetStore } from '../domain/ports/budget-store.js';
import type { ConversationStore } from '../domain/ports/conversation-store.js';
import type { EffectStore } from '../domain/ports/effect-store.js';
import type { FileStore } from '../domain/ports/file-store.js';
import type { SecretBox } from '../domain/ports/secret-box.js';
import type { TenantDirectory } from '../domain/ports/tenant-directory.js';
import type { SteerStore } from '../domain/ports/steer-store.js';
import type { TurnCredentials } from '../domain/ports/turn-credentials.js';
import type { TurnStore } from '../domain/ports/turn-store.js';
import type { UsageStore } from '../domain/ports/usage-store.js';

export interface Stores {
  readonly turns: TurnStore;
  readonly steers: SteerStore;
  readonly approvals: ApprovalStore;
  readonly conversations: ConversationStore;
  readonly usage: UsageStore;
  readonly budgets: BudgetStore;
  readonly effects: EffectStore;
  readonly apiKeys: ApiKeyStore;
  readonly directory: TenantDirectory;
  readonly files: FileStore;
  readonly credentials: TurnCredentials;
  readonly audit: AuditLog;
}

/**
 * @param filesFolder where the bytes of files are.
 * @param box seals what may not lie readable in a row.
 */
export function createStores(database: Database, filesFolder: string, box: SecretBox): Stores {
  return {
    turns: createTurnStore(database),
    steers: createSteerStore(database),
    approvals: createApprovalStore(database),
    conversations: createConversationStore(database),
    usage: createUsageStore(database),
    budgets: createBudgetStore(database),
    effects: createEffectStore(database),
    apiKeys: createApiKeyStore(database),
    directory: createTenantDirectory(database),
    files: createFolderFileStore({ folder: filesFolder, index: createFileIndex(database) }),
    credentials: createTurnCredentials(database, box),
    audit: createAuditLog(database),
  };
}
