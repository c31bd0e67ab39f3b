/** Brings the schema up to date. Migrations are code, run in one transaction, and safe to start from two processes at once. */
import { Migrator } from 'kysely';
import { failure, toError } from '../../domain/failures.js';
import type { Database } from './database.js';
import { turnsMigration } from './migrations/0001-turns.js';
import { ownershipMigration } from './migrations/0002-ownership.js';
import { approvalsMigration } from './migrations/0003-approvals.js';
import { pendingMessagesMigration } from './migrations/0004-pending-messages.js';
import { budgetsMigration } from './migrations/0005-budgets.js';
import { secretsMigration } from './migrations/0006-secrets.js';
import { forkAndEffectsMigration } from './migrations/0007-fork-and-effects.js';
import { undoSweepMigration } from './migrations/0008-undo-sweep.js';
import { consentsMigration } from './migrations/0009-consents.js';
import { ensureRoles } from './migrations/row-level-security.js';
import { sqlStateOf, toStoreFailure } from './store-failure.js';

const INSUFFICIENT_PRIVILEGE = '42501';

/** Applied in the order of their names; a released migration is never edited, only followed. */
const MIGRATIONS = {
  '0001-turns': turnsMigration,
  '0002-ownership': ownershipMigration,
  '0003-approvals': approvalsMigration,
  '0004-pending-messages': pendingMessagesMigration,
  '0005-budgets': budgetsMigration,
  '0006-secrets': secretsMigration,
  '0007-fork-and-effects': forkAndEffectsMigration,
  '0008-undo-sweep': undoSweepMigration,
  '0009-consents': consentsMigration,
};

/**
 * Apply all migrations that are missing.
 * @throws `store.unavailable`; `config.invalid` when the login role may not create tables or roles.
 */
export async function migrate(database: Database): Promise<void> {
  const { owner, logger } = database;
  try {
    await ensureRoles(owner);
    const migrator = new Migrator({ db: owner, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
    const { error, results } = await migrator.migrateToLatest();
    if (error !== undefined) throw toError(error);
    for (const { migrationName } of results ?? []) logger.info({ migration: migrationName }, 'database migrated');
  } catch (error) {
    if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE) throw toStoreFailure(error);
    throw failure(
      'config.invalid',
      'the database user may not create tables or roles; give it CREATE on the schema and either CREATEROLE, or let an ' +
        'administrator run: create role turnstone_app nologin; create role turnstone_system nologin; ' +
        'grant turnstone_app, turnstone_system to <user>',
    );
  }
}
