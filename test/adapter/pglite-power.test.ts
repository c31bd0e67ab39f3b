/**
 * Proven: a commit the embedded database has acknowledged is on the disk. The disk of these tests keeps only what was synced;
 * with syncing off the same test loses what was acknowledged, so it can tell the two apart. And: damage is found at the start.
 */
import { cpSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPglite } from '../../adapters/pglite/open-pglite.js';
import { createApiKeyStore } from '../../adapters/postgres/api-key-store.js';
import { createDatabase } from '../../adapters/postgres/database.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { copyEmptyDatabase } from '../support/pglite-template.js';
import { aScope } from '../support/scope-builders.js';
import { silentLogger } from '../support/silent-logger.js';
import { aNewTurn } from '../support/turn-builders.js';

const root = mkdtempSync(join(tmpdir(), 'turnstone-power-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const workerFile = new URL('../support/power-cut-worker.mjs', import.meta.url);

interface PowerCut {
  readonly scope: Scope;
  readonly acknowledged: readonly string[];
  /** What the disk held when the power went. */
  readonly disk: string;
}

/** Accepts turns, with a checkpoint and more than one WAL file in between, then loses everything that was not synced. */
async function cutPower(name: string, sync: boolean): Promise<PowerCut> {
  const dataDir = join(root, name);
  await copyEmptyDatabase(dataDir);
  const opened = await openPglite({ dataDir, logger: silentLogger, sync, workerFile });
  const database = createDatabase(opened, silentLogger);
  const scope = aScope();
  await createApiKeyStore(database).ensureTenant(scope.tenantId, 'a tenant');
  const turns = createTurnStore(database);
  const acknowledged: string[] = [];
  const accept = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) acknowledged.push((await turns.accept(scope, aNewTurn())).turn.id);
  };
  await accept(20);
  await opened.pool.query('select pg_switch_wal()');
  await accept(20);
  await opened.pool.query('checkpoint');
  await accept(20);
  await opened.pool.query(`select 'cut the power'`).catch(() => undefined);
  await opened.close();
  return { scope, acknowledged, disk: `${dataDir}.disk` };
}

async function found({ scope, acknowledged, disk }: PowerCut): Promise<number> {
  const opened = await openPglite({ dataDir: disk, logger: silentLogger });
  try {
    const turns = createTurnStore(createDatabase(opened, silentLogger));
    const contexts = await Promise.all(acknowledged.map((id) => turns.loadContext(scope, id)));
    return contexts.filter((context) => context?.path.length === 1).length;
  } finally {
    await opened.close();
  }
}

/** Zeroes in the middle of the largest table or index file: what a disk does that loses a page. */
function damageLargestFile(dataDir: string): void {
  const folder = join(dataDir, 'base', '5');
  const files = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  const sizes = files.map((name) => ({ path: join(folder, name), size: statSync(join(folder, name)).size }));
  const largest = sizes.sort((left, right) => right.size - left.size)[0];
  if (largest === undefined) throw new Error('there is no table file');
  const file = openSync(largest.path, 'r+');
  writeSync(file, Buffer.alloc(64, 0x5a), 0, 64, 8192 + 200);
  closeSync(file);
}

describe('embedded database and the power', () => {
  let cut: PowerCut;
  let damagedDisk = '';
  beforeAll(async () => {
    cut = await cutPower('synced', true);
    damagedDisk = join(root, 'damaged');
    cpSync(cut.disk, damagedDisk, { recursive: true });
    damageLargestFile(damagedDisk);
  });

  it('the power goes -> every acknowledged turn is on the disk, and the database opens', async () => {
    expect(await found(cut)).toBe(cut.acknowledged.length);
  }, 120_000);

  it('the power goes, syncing off -> acknowledged turns are missing, or nothing opens: the disk of this test forgets', async () => {
    const unsynced = await cutPower('unsynced', false);
    const survivors = await found(unsynced).catch(() => 0);
    expect(survivors).toBeLessThan(unsynced.acknowledged.length);
  }, 120_000);

  it('a page is damaged and the database was not closed in order -> the start refuses it, and says what to do', async () => {
    const damageRemedy = 'restore the snapshot of yesterday';
    // The largest file is read last, and a busy machine must not run out of the time of a start before it.
    const options = { dataDir: damagedDisk, logger: silentLogger, checkLimitMs: 60_000 };
    const refused = openPglite({ ...options, damageRemedy });
    await expect(refused).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(refused).rejects.toThrow(/cannot be used: .*(damaged|invalid page|checksum).*restore the snapshot/s);
    // Still unchecked: the next start looks again.
    await expect(openPglite(options)).rejects.toThrow(/cannot be used/);
  }, 120_000);
});
