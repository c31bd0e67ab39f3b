/** A row of one owner in every table of the schema: what tests of row-level security look for. */
import { sql } from 'kysely';
import { createApiKeyStore } from '../../adapters/postgres/api-key-store.js';
import { createConversationStore } from '../../adapters/postgres/conversation-store.js';
import type { Database } from '../../adapters/postgres/database.js';
import { createFileIndex } from '../../adapters/postgres/file-index.js';
import { createSteerStore } from '../../adapters/postgres/steer-store.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { newId } from '../../domain/ids.js';
import type { Scope } from '../../domain/scope.js';
import { aCallingStep, aMessage, aNewSteer, aNewTurn, aToolItem } from './turn-builders.js';

/** Every table; a new one is added here, with a row of it in `fillTables`. */
export const TABLES = [
  'tenants',
  'conversations',
  'turns',
  'turn_steps',
  'items',
  'tool_calls',
  'approvals',
  'model_calls',
  'api_keys',
  'files',
  'revoked_principals',
  'steers',
  'tenant_keys',
  'turn_credentials',
  'audit_log',
  'tool_effects',
  'budgets',
  'budget_holds',
  'budget_spends',
];
/** Of these, what belongs to a tenant as a whole. */
export const OF_TENANT = [
  'tenants',
  'tenant_keys',
  'turn_credentials',
  'audit_log',
  'budgets',
  'budget_holds',
  'budget_spends',
];
const rowsOf = ({ tenantId, principalId }: Scope, turnId: string): string[] => [
  `insert into tool_effects (tenant_id, turn_id, step, call_index, principal_id, undo_attempt)
     values ('${tenantId}', '${turnId}', 1, 0, '${principalId}', 0)`,
  `insert into approvals (tenant_id, id, turn_id, step, call_index, principal_id, item_id, name, arguments, arguments_hash,
     effect, because, mode, status, created_at, expires_at)
     values ('${tenantId}', '${newId('approval')}', '${turnId}', 1, 0, '${principalId}', 'i', 'n', '{}', 'h', 'read', 'rule',
     'wait', 'pending', now(), now())`,
  `insert into tenant_keys (tenant_id, id, master_id, wrapped, created_at) values ('${tenantId}', 'k', 'm', '', now())`,
  `insert into turn_credentials (tenant_id, turn_id, provider, sealed, created_at)
     values ('${tenantId}', '${turnId}', 'p', '', now())`,
  `insert into audit_log (tenant_id, number, at, principal_id, action, subject, details, request_id, previous_hash, hash)
     values ('${tenantId}', 1, now(), 'p', 'a', 's', '{}', 'r', '', '')`,
  `insert into budgets (tenant_id, id, period, limit_micros, allow_unpriced, period_start, used_micros, created_at, updated_at)
     values ('${tenantId}', 'b', 'total', 1000000, true, now(), 0, now(), now())`,
  `insert into budget_holds (tenant_id, turn_id, step, attempt, budget_id, amount_micros, held_at)
     values ('${tenantId}', '${turnId}', 1, 1, 'b', 1, now())`,
  `insert into budget_spends (tenant_id, budget_id, amount_micros, spent_at) values ('${tenantId}', 'b', 1, now())`,
];

/** At least one row of the scope's owner in every table. */
export async function fillTables(
  database: Database,
  scope: Scope,
): Promise<{ conversationId: string; turnId: string; itemId: string }> {
  const conversations = createConversationStore(database);
  const turns = createTurnStore(database);
  const conversation = await conversations.create(scope, {
    id: newId('conversation'),
    title: 'Secret',
    metadata: {},
  });
  const { turn } = await turns.accept(
    scope,
    aNewTurn({ conversationId: conversation.id, input: [aMessage('secret')] }),
  );
  const item = aToolItem();
  await turns.commitStep(scope, aCallingStep(turn.id, item));
  await createSteerStore(database).add(scope, aNewSteer(turn.id, 'secret too'));
  await createApiKeyStore(database).create(scope, {
    id: newId('apiKey'),
    principalId: scope.principalId,
    name: 'key',
    scopes: ['read'],
    hint: 'ts_1',
    expiresAtMs: null,
    hash: newId('apiKey'),
  });
  await createFileIndex(database).insert(scope, {
    id: newId('file'),
    filename: 'a.txt',
    mimeType: 'text/plain',
    bytes: 1,
    sha256: 'aa',
    purpose: 'user_data',
    createdAtMs: Date.now(),
  });
  for (const statement of rowsOf(scope, turn.id))
    await database.write(scope, (connection) => sql.raw(statement).execute(connection));
  await database.write(scope, (connection) =>
    connection
      .insertInto('revoked_principals')
      .values({ tenant_id: scope.tenantId, principal_id: scope.principalId, revoked_at: new Date() })
      .execute(),
  );
  return { conversationId: conversation.id, turnId: turn.id, itemId: item.id };
}
