/**
 * A process that holds an embedded database, for tests that kill it: accepts turns until it dies, and prints the id of each
 * one after the store has acknowledged it. Arguments: data folder, tenant.
 */
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { openTestPglite } from './database.js';
import { aNewTurn } from './turn-builders.js';

const [dataDir = '', tenantId = ''] = process.argv.slice(2);
const { database } = await openTestPglite(dataDir);
const { createApiKeyStore } = await import('../../adapters/postgres/api-key-store.js');
await createApiKeyStore(database).ensureTenant(tenantId, 'held');
const turns = createTurnStore(database);
for (;;) {
  const { turn } = await turns.accept({ tenantId, principalId: 'user-1', scopes: ['write'] }, aNewTurn());
  process.stdout.write(`${turn.id}\n`);
}
