/**
 * Proven: a backup made while the database is written to holds everything acknowledged before it was asked for, opens as a
 * sound database, and is refused when a byte of it changed. Restoring never deletes what was there.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createFolderBackups } from '../../adapters/pglite/folder-backups.js';
import { lockFolder } from '../../adapters/pglite/folder-lock.js';
import { openPglite } from '../../adapters/pglite/open-pglite.js';
import type { PglitePool } from '../../adapters/pglite/open-pglite.js';
import { restoreBackup } from '../../adapters/pglite/restore-backup.js';
import type { RestoreTarget } from '../../adapters/pglite/restore-backup.js';
import { checkDatabase } from '../../adapters/pglite/self-check.js';
import { createApiKeyStore } from '../../adapters/postgres/api-key-store.js';
import { createDatabase } from '../../adapters/postgres/database.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import type { BackupStore } from '../../domain/ports/backup-store.js';
import type { TurnStore } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { copyEmptyDatabase } from '../support/pglite-template.js';
import { aScope } from '../support/scope-builders.js';
import { silentLogger } from '../support/silent-logger.js';
import { aNewTurn } from '../support/turn-builders.js';

const root = mkdtempSync(join(tmpdir(), 'turnstone-backups-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Held {
  readonly dataDir: string;
  readonly pool: PglitePool;
  readonly turns: TurnStore;
  readonly scope: Scope;
  readonly backups: BackupStore;
}

async function hold(name: string): Promise<Held> {
  const dataDir = join(root, name);
  const databaseDir = join(dataDir, 'database');
  await copyEmptyDatabase(databaseDir);
  mkdirSync(join(dataDir, 'files', 'default', 'ab'), { recursive: true });
  writeFileSync(join(dataDir, 'files', 'default', 'ab', 'abcd'), 'bytes of a file');
  writeFileSync(join(dataDir, 'master.key'), 'the key');
  const pool = await openPglite({ dataDir: databaseDir, logger: silentLogger });
  const database = createDatabase(pool, silentLogger);
  const scope = aScope();
  await createApiKeyStore(database).ensureTenant(scope.tenantId, 'a tenant');
  const backups = createFolderBackups({
    pool: pool.pool,
    databaseDir,
    alsoKept: ['files', 'master.key', 'not-there'].map((part) => ({ name: part, path: join(dataDir, part) })),
    folders: { backup: join(dataDir, 'backups'), snapshot: join(dataDir, 'snapshots') },
    keptSnapshots: 2,
    productVersion: '0.0.0-test',
    postgresVersion: pool.version,
    logger: silentLogger,
  });
  return { dataDir, pool, turns: createTurnStore(database), scope, backups };
}

function targetOf(dataDir: string): RestoreTarget {
  return {
    dataDir,
    databaseDir: join(dataDir, 'database'),
    lockPath: join(dataDir, 'turnstone.lock'),
    companions: [join(dataDir, 'temporal.db')],
  };
}

async function accept({ turns, scope }: Held, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.push((await turns.accept(scope, aNewTurn())).turn.id);
  return ids;
}

async function missingIn(dataDir: string, scope: Scope, ids: readonly string[]): Promise<string[]> {
  const opened = await openPglite({ dataDir: join(dataDir, 'database'), logger: silentLogger });
  try {
    const turns = createTurnStore(createDatabase(opened, silentLogger));
    const found = await Promise.all(ids.map((id) => turns.get(scope, id)));
    return ids.filter((_id, index) => found[index] === null);
  } finally {
    await opened.close();
  }
}

describe('backups of the embedded database', () => {
  it('made under load -> restored elsewhere, nothing acknowledged before is missing, files and key are there', async () => {
    const held = await hold('loaded');
    const before = await accept(held, 25);
    const making = held.backups.create('backup');
    const during = await accept(held, 25);
    const made = await making;
    await held.pool.close();
    expect(made).toMatchObject({ kind: 'backup' });
    expect(during).toHaveLength(25);
    const fresh = join(root, 'fresh');
    const { movedAside } = await restoreBackup(made.path, targetOf(fresh), false);
    expect(movedAside).toEqual([]);
    expect(await missingIn(fresh, held.scope, before)).toEqual([]);
    expect(readFileSync(join(fresh, 'files', 'default', 'ab', 'abcd'), 'utf8')).toBe('bytes of a file');
    expect(readFileSync(join(fresh, 'master.key'), 'utf8')).toBe('the key');
    expect(existsSync(join(fresh, 'turnstone.lock'))).toBe(false);
  }, 120_000);

  it('snapshots -> hold the database alone; the oldest go', async () => {
    const held = await hold('snapshots');
    try {
      const first = await held.backups.create('snapshot');
      await held.backups.create('snapshot');
      const third = await held.backups.create('snapshot');
      const listed = await held.backups.list();
      expect(listed.map(({ name }) => name)).toHaveLength(2);
      expect(listed[0]).toEqual(third);
      expect(existsSync(first.path)).toBe(false);
      expect(readdirSync(third.path).sort()).toEqual(['database', 'manifest.json']);
      expect((await checkDatabase(held.pool.pool).catch((error: unknown) => error)) instanceof Error).toBe(true);
    } finally {
      await held.pool.close();
    }
  }, 120_000);

  it('a byte changed, a file gone, no manifest -> refused by name, and nothing is touched', async () => {
    const held = await hold('damaged');
    const made = await held.backups.create('snapshot');
    await held.pool.close();
    const target = targetOf(join(root, 'untouched'));
    const control = join(made.path, 'database', 'global', 'pg_control');
    const bytes = readFileSync(control);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    writeFileSync(control, bytes);
    await expect(restoreBackup(made.path, target, false)).rejects.toThrow(/damaged: database\/global\/pg_control/);
    rmSync(control);
    await expect(restoreBackup(made.path, target, false)).rejects.toThrow(/damaged: database\/global\/pg_control/);
    rmSync(join(made.path, 'manifest.json'));
    await expect(restoreBackup(made.path, target, false)).rejects.toThrow(/has no manifest.json/);
    expect(existsSync(target.databaseDir)).toBe(false);
    expect(await held.backups.list()).toEqual([]);
  }, 120_000);

  it('a manifest whose paths lead out of the backup -> refused', async () => {
    const forged = join(root, 'forged');
    mkdirSync(forged);
    for (const path of ['../outside', 'database/../../outside', '/etc/passwd', 'files\\..\\outside', 'database//x']) {
      const files = [{ path, bytes: 0, sha256: 'x' }];
      const manifest = { format: 1, kind: 'backup', product_version: '1', postgres_version: '1', files };
      writeFileSync(
        join(forged, 'manifest.json'),
        JSON.stringify({ ...manifest, created_at: new Date().toISOString() }),
      );
      await expect(restoreBackup(forged, targetOf(join(root, 'nowhere')), false)).rejects.toThrow(/not a whole backup/);
    }
  });

  it('a folder with a database -> refused without replace; with it everything there is moved aside', async () => {
    const held = await hold('replaced');
    const ids = await accept(held, 3);
    const made = await held.backups.create('snapshot');
    const later = await accept(held, 2);
    await held.pool.close();
    writeFileSync(join(held.dataDir, 'temporal.db'), 'workflows of a later time');
    const target = targetOf(held.dataDir);
    await expect(restoreBackup(made.path, target, false)).rejects.toThrow(/is there already: add --replace/);
    const lock = await lockFolder(held.dataDir, target.lockPath);
    await expect(restoreBackup(made.path, target, true)).rejects.toMatchObject({ code: 'store.unavailable' });
    await lock.release();
    const { movedAside } = await restoreBackup(made.path, target, true);
    expect(movedAside).toHaveLength(2);
    expect(readFileSync(movedAside[1] ?? '', 'utf8')).toBe('workflows of a later time');
    expect(await missingIn(held.dataDir, held.scope, [...ids, ...later])).toEqual(later);
  }, 120_000);

  it('the place cannot be written -> store.unavailable that names it; the database goes on and can be backed up again', async () => {
    const held = await hold('full');
    writeFileSync(join(held.dataDir, 'snapshots'), 'a file where a folder should be');
    await expect(held.backups.create('snapshot')).rejects.toThrow(/could not be written to .*snapshots/);
    rmSync(join(held.dataDir, 'snapshots'));
    await accept(held, 1);
    await held.backups.create('snapshot');
    await held.pool.close();
  }, 120_000);
});
