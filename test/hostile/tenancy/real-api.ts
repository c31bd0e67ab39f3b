/** The API over the real stores on PGlite, row-level security included; only the engine and the models are fakes. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { createTenantKeyStore } from '../../../adapters/postgres/tenant-key-store.js';
import { createKeyRing } from '../../../adapters/secrets/key-ring.js';
import { toMasterKey } from '../../../adapters/secrets/master-key.js';
import { createSecretBox } from '../../../adapters/secrets/secret-box.js';
import { createStores } from '../../../workers/stores-over-database.js';
import type { SecretBox } from '../../../domain/ports/secret-box.js';
import { startApi } from '../../support/api-fakes.js';
import type { ApiFixture } from '../../support/api-fakes.js';
import { openTestPglite } from '../../support/database.js';

export interface Owner {
  readonly tenantId: string;
  readonly principalId: string;
}

export interface RealApi {
  readonly api: ApiFixture;
  readonly box: SecretBox;
  /** Everything the database holds of an owner, as text that can be compared. */
  dump(owner: Owner): Promise<string>;
  /** The statements the database was sent since the last call: their texts, without values. */
  statements(): readonly string[];
  close(): Promise<void>;
}

/** A sweep is more than a caller may do in a minute. */
const NO_LIMIT = { points: 1_000_000, durationSeconds: 60 };

export async function startRealApi(): Promise<RealApi> {
  const opened = await openTestPglite();
  const statements = watchStatements(opened.sqlPool.pool);
  const folder = mkdtempSync(join(tmpdir(), 'turnstone-sweep-'));
  const store = createTenantKeyStore(opened.database);
  const box = createSecretBox(createKeyRing({ store, masterKeys: [toMasterKey(randomBytes(32))] }));
  const stores = createStores(opened.database, folder, box);
  await stores.apiKeys.ensureTenant('default', 'Default');
  const api = await startApi({ ...stores, links: { box, publicUrl: null }, rateLimit: NO_LIMIT });
  const { pool } = opened.sqlPool;
  // The login role of PGlite is a superuser: it sees what the product's roles do not.
  const tables = await pool.query<{ name: string }>(
    `select table_name as name from information_schema.columns
     where table_schema = current_schema() and column_name = 'principal_id' order by table_name`,
  );
  return {
    api,
    box,
    statements,
    async dump({ tenantId, principalId }) {
      const parts: string[] = [];
      for (const { name } of tables.rows) {
        const { rows } = await pool.query<{ row: string }>(
          `select to_jsonb(t)::text as row from ${name} t where tenant_id = $1 and principal_id = $2 order by 1`,
          [tenantId, principalId],
        );
        parts.push(name, ...rows.map(({ row }) => row));
      }
      return parts.join('\n');
    },
    async close() {
      await api.close();
      await opened.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Every connection of the pool says what it is asked. */
function watchStatements(pool: pg.Pool): () => readonly string[] {
  let seen: string[] = [];
  const watched = new WeakSet<pg.PoolClient>();
  pool.on('acquire', (client) => {
    if (watched.has(client)) return;
    watched.add(client);
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const watching = (...args: unknown[]): unknown => {
      const [asked] = args;
      seen.push(typeof asked === 'string' ? asked : ((asked as { readonly text?: string }).text ?? 'a cursor'));
      return query(...args);
    };
    Object.assign(client, { query: watching });
  });
  return () => {
    const told = seen;
    seen = [];
    return told;
  };
}
