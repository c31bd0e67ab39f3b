/**
 * Proven: the embedded database has one owner at a time, loses nothing it acknowledged when its process is killed, and says
 * so, without hanging, when its thread dies or a query takes too long.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterAll, describe, expect, it } from 'vitest';
import { lockFolder } from '../../adapters/pglite/folder-lock.js';
import { openPglite } from '../../adapters/pglite/open-pglite.js';
import { createDatabase } from '../../adapters/postgres/database.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { openTestPglite } from '../support/database.js';
import { copyEmptyDatabase } from '../support/pglite-template.js';
import { aScope } from '../support/scope-builders.js';
import { silentLogger } from '../support/silent-logger.js';

const root = mkdtempSync(join(tmpdir(), 'turnstone-pglite-'));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** Starts the process and hands out what it has acknowledged, once that is `count` turns. */
async function holderAfter(
  count: number,
  dataDir: string,
  tenantId: string,
): Promise<{ child: ChildProcess; ids: string[] }> {
  const script = new URL('../support/pglite-holder.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir, tenantId], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const ids: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) =>
      reject(new Error(`the holder ended with ${String(code)} before it had written anything`)),
    );
    createInterface({ input: child.stdout }).on('line', (id) => {
      ids.push(id);
      if (ids.length >= count) resolve();
    });
  });
  return { child, ids };
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

describe('embedded database', () => {
  it('kill -9 while committing, twice -> reopens, and nothing acknowledged is lost', async () => {
    const dataDir = join(root, 'killed');
    const scope = aScope();
    const acknowledged: string[] = [];
    for (const count of [5, 60]) {
      const { child, ids } = await holderAfter(count, dataDir, scope.tenantId);
      await killed(child);
      acknowledged.push(...ids);
    }
    const reopened = await openTestPglite(dataDir);
    try {
      const turns = createTurnStore(reopened.database);
      const found = await Promise.all(acknowledged.map((id) => turns.loadContext(scope, id)));
      expect(found.filter((context) => context?.path.length !== 1)).toEqual([]);
      expect(acknowledged.length).toBeGreaterThanOrEqual(65);
    } finally {
      await reopened.close();
    }
  }, 240_000);

  it('a folder another process holds -> store.unavailable that names it; free again once that is dead', async () => {
    const dataDir = join(root, 'held');
    const { child } = await holderAfter(1, dataDir, 'held');
    const refused = await openPglite({ dataDir, logger: silentLogger }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'store.unavailable' });
    const { message } = refused as Error;
    expect(message).toContain(`process ${String(child.pid)}`);
    expect(message).toContain(dataDir);
    expect(message).toMatch(/stop that process or set another/);
    await killed(child);
    const opened = await openPglite({ dataDir, logger: silentLogger });
    await opened.close();
    expect(existsSync(`${dataDir}.lock`)).toBe(false);
  }, 240_000);

  it('opened twice in one process -> the second is refused, the first goes on', async () => {
    const dataDir = join(root, 'twice');
    await copyEmptyDatabase(dataDir);
    const first = await openPglite({ dataDir, logger: silentLogger });
    try {
      await expect(openPglite({ dataDir, logger: silentLogger })).rejects.toMatchObject({ code: 'store.unavailable' });
      expect((await first.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    } finally {
      await first.close();
    }
  });

  it('its thread dies -> what waits and what comes later gets store.unavailable, and closing works', async () => {
    const dataDir = join(root, 'dying');
    await copyEmptyDatabase(dataDir);
    const workerFile = new URL('../support/dying-pglite-worker.mjs', import.meta.url);
    const opened = await openPglite({ dataDir, logger: silentLogger, workerFile });
    const database = createDatabase(opened, silentLogger);
    const scope = aScope();
    const dying = database.read(scope, (connection) => sql`select 'please die'`.execute(connection));
    const waiting = database.ping();
    await expect(dying).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(waiting).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(database.ping()).rejects.toMatchObject({ code: 'store.unavailable' });
    await opened.close();
    expect(existsSync(`${dataDir}.lock`)).toBe(false);
  });

  it('a query that takes too long -> store.unavailable in time; its transaction leaves nothing behind', async () => {
    const dataDir = join(root, 'slow');
    await copyEmptyDatabase(dataDir);
    const opened = await openPglite({ dataDir, logger: silentLogger, queryTimeoutMs: 300 });
    const database = createDatabase(opened, silentLogger);
    try {
      await opened.pool.query('create table marks (mark text); grant all on marks to public');
      const began = performance.now();
      const slow = database.write(aScope(), async (connection) => {
        await sql`insert into marks values ('left behind')`.execute(connection);
        await sql`select count(*) from generate_series(1, 4000000)`.execute(connection);
      });
      await expect(slow).rejects.toMatchObject({ code: 'store.unavailable' });
      expect(performance.now() - began).toBeLessThan(2000);
      // The next one waits for the slow query to end, on a new connection, and finds no transaction open.
      const rows = await eventually(() => database.read(aScope(), (c) => sql`select * from marks`.execute(c)));
      expect(rows.rows).toEqual([]);
    } finally {
      await opened.close();
    }
  });
});

/** The slow query goes on in its thread: until it ends, others are told that the store is not available. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

describe('folder lock', () => {
  it('a reused pid -> reaped, since that process started at another time', async () => {
    const dataDir = join(root, 'reused');
    const lock = await lockFolder(dataDir);
    const holder = JSON.parse(readFileSync(`${dataDir}.lock`, 'utf8')) as Record<string, unknown>;
    await lock.release();
    writeFileSync(`${dataDir}.lock`, JSON.stringify({ ...holder, startTicks: '1' }));
    await (await lockFolder(dataDir)).release();
  });

  it.each([
    ['of another host', { host: 'elsewhere' }, 'on host elsewhere'],
    ['that is not readable', { pid: 'x' }, 'cannot be read'],
  ])('a lock %s -> refused, never reaped; the message names the file to remove', async (_case, change, reason) => {
    const dataDir = join(root, `refused-${Object.keys(change).join('')}`);
    const text = JSON.stringify({ pid: 999_999_999, startTicks: '1', host: 'here', ...change });
    writeFileSync(`${dataDir}.lock`, text);
    const refused = await lockFolder(dataDir).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: 'store.unavailable' });
    expect((refused as Error).message).toContain(reason);
    expect((refused as Error).message).toContain(`${dataDir}.lock`);
    expect(readFileSync(`${dataDir}.lock`, 'utf8')).toBe(text);
  });

  it('20 openers at once on a dead lock -> one gets it', async () => {
    const dataDir = join(root, 'raced');
    const lock = await lockFolder(dataDir);
    const holder = JSON.parse(readFileSync(`${dataDir}.lock`, 'utf8')) as Record<string, unknown>;
    await lock.release();
    writeFileSync(`${dataDir}.lock`, JSON.stringify({ ...holder, startTicks: '1' }));
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(dataDir)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
