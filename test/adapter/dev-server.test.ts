/**
 * Proves: the embedded Temporal starts on ports of its own, keeps its state and ports over restarts, is started again when
 * it dies, leaves no orphan when its parent is killed, and never takes another server for itself.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectTemporal } from '../../adapters/temporal/connect-temporal.js';
import type { TemporalConnection } from '../../adapters/temporal/connect-temporal.js';
import { processStartTime } from '../../adapters/temporal/process-identity.js';
import { SEARCH_ATTRIBUTES } from '../../domain/turn-contract.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { startForTest, temporalBinary } from '../support/temporal-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

async function connectTo(address: string): Promise<TemporalConnection> {
  const connection = await connectTemporal({
    address,
    namespace: 'default',
    embedded: true,
    logger: createRecordingLogger().logger,
  });
  onTestFinished(() => connection.close());
  return connection;
}

const isGone = async (pid: number): Promise<boolean> => (await processStartTime(pid)) === null;

/** A program that is not Temporal: it runs, and does as the script says. */
function writeScript(folder: string, script: string): string {
  const path = join(folder, 'not-temporal');
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

describe('startDevServer', () => {
  it('first start: -> answers on loopback, UI on, with our search attributes and a file database', async () => {
    const dataDir = temporaryFolder();
    const server = await startForTest(dataDir);
    const { connection } = await connectTo(server.address);
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    for (const name of Object.values(SEARCH_ATTRIBUTES)) expect(customAttributes).toHaveProperty(name);
    expect((await fetch(server.uiUrl, { signal: AbortSignal.timeout(10_000) })).status).toBe(200);
    expect(server.uiUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(readFileSync(join(dataDir, 'temporal.db')).subarray(0, 15).toString()).toBe('SQLite format 3');
  });

  it('first start: -> the visibility table has the indexes that are used, no others, and is searched as before', async () => {
    const dataDir = temporaryFolder();
    const server = await startForTest(dataDir);
    const { client } = await connectTo(server.address);
    const key = defineSearchAttributeKey(SEARCH_ATTRIBUTES.tenant, SearchAttributeType.KEYWORD);
    const typedSearchAttributes = [{ key, value: 'north' }];
    await client.workflow.start('turn', { workflowId: 'found', taskQueue: 'nobody', typedSearchAttributes });
    const query = `${SEARCH_ATTRIBUTES.tenant} = 'north' AND ExecutionStatus = 'Running'`;
    await until(async () => (await client.workflow.count(query)).count === 1 || null, 'the workflow is found');
    await server.stop();
    const script =
      "import sqlite3, sys; print(*(name for name, in sqlite3.connect(sys.argv[1]).execute(\"select name from sqlite_master where type = 'index' and tbl_name = 'executions_visibility' and sql is not null\")))";
    const indexes = execFileSync('python3', ['-c', script, join(dataDir, 'temporal.db')])
      .toString()
      .trim()
      .split(' ');
    expect(indexes).toContain('default_idx');
    expect(indexes.filter((name) => /bool|double|int_0|datetime|keyword_(07|08|09|10)/.test(name))).toEqual([]);
    expect(indexes.length).toBeLessThan(20);
  });

  it('stop and start: -> same ports, and what was accepted is still there', async () => {
    const dataDir = temporaryFolder();
    const first = await startForTest(dataDir);
    const before = await connectTo(first.address);
    await before.client.workflow.start('turn', { workflowId: 'kept', taskQueue: 'nobody' });
    await first.stop();
    expect(await isGone(first.pid())).toBe(true);
    const second = await startForTest(dataDir);
    expect([second.address, second.uiUrl]).toEqual([first.address, first.uiUrl]);
    const after = await connectTo(second.address);
    expect((await after.client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
  });

  it('killed while running: -> logged and started again on the same address with the same state', async () => {
    const { logger, lines } = createRecordingLogger();
    const server = await startForTest(temporaryFolder(), { logger });
    const { client } = await connectTo(server.address);
    await client.workflow.start('turn', { workflowId: 'kept', taskQueue: 'nobody' });
    const firstPid = server.pid();
    process.kill(firstPid, 'SIGKILL');
    await until(() => server.pid() !== firstPid, 'the server runs again');
    const description = await until(
      () =>
        client.workflow
          .getHandle('kept')
          .describe()
          .catch(() => null),
      'it answers',
    );
    expect(description.status.name).toBe('RUNNING');
    expect(lines.filter((line) => line.level === 'error').map((line) => line.fields['how'])).toEqual([
      'signal SIGKILL',
    ]);
  });

  it('parent killed with -9: -> the server ends by itself', async () => {
    const dataDir = temporaryFolder();
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const script = fileURLToPath(new URL('../support/dev-server-parent.ts', import.meta.url));
    const parent = spawn(process.execPath, ['--import', 'tsx', script, dataDir, await temporalBinary()], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    expect(await isGone(pid)).toBe(false);
    parent.kill('SIGKILL');
    await until(() => isGone(pid), 'the server has ended');
  });

  it('leftover of a killed product: -> stopped before the database is opened again', async () => {
    const dataDir = temporaryFolder();
    const leftover = await startForTest(dataDir);
    const pid = leftover.pid();
    const { logger, lines } = createRecordingLogger();
    // The first one's watcher sees it end and tries to start it again: that must not disturb what is proven here.
    const stopping = until(() => isGone(pid), 'the leftover is gone').then(() => leftover.stop());
    const server = await startForTest(dataDir, { logger });
    await stopping;
    expect(lines.map((line) => line.message)).toContain('stopping the Temporal server a killed process left behind');
    expect(server.pid()).not.toBe(pid);
  });

  it('record of a pid that now belongs to somebody else: -> that process is left alone', async () => {
    const dataDir = temporaryFolder();
    const bystander = spawn('sleep', ['600']);
    onTestFinished(() => void bystander.kill('SIGKILL'));
    await once(bystander, 'spawn');
    writeFileSync(
      join(dataDir, 'temporal.json'),
      JSON.stringify({ pid: bystander.pid, startTime: '1', port: 1, uiPort: 2 }),
    );
    await startForTest(dataDir);
    expect(bystander.exitCode).toBeNull();
    expect(bystander.signalCode).toBeNull();
  });

  it('port in use: a fixed port that somebody holds -> refused with the variable to set', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void holder.close());
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    await expect(startForTest(temporaryFolder(), { port })).rejects.toThrow(
      `Port ${port} for the embedded Temporal is in use: set TURNSTONE_TEMPORAL_PORT`,
    );
  });

  it('a program that ends: -> says how, with the end of its log', async () => {
    const folder = temporaryFolder();
    const binary = writeScript(folder, 'echo "cannot open database"; exit 7');
    await expect(startForTest(folder, { binary })).rejects.toThrow(
      /ended while starting \(exit 7\).*cannot open database/s,
    );
  });

  it('a program that never listens: -> given up after the time limit, and gone', async () => {
    const folder = temporaryFolder();
    const binary = writeScript(folder, 'exec sleep 600');
    await expect(startForTest(folder, { binary, readyTimeoutMs: 500 })).rejects.toThrow(
      /did not listen on 127\.0\.0\.1:\d+ within/,
    );
    const { pid } = JSON.parse(readFileSync(join(folder, 'temporal.json'), 'utf8')) as { pid: number };
    expect(await isGone(pid)).toBe(true);
  });

  it.runIf(process.platform === 'linux')(
    'another server answers on the port in the last moment: -> not taken for ours',
    async () => {
      const folder = temporaryFolder();
      const foreign = [createServer(), createServer()];
      onTestFinished(() => foreign.forEach((server) => server.close()));
      // The started program tells its ports through its arguments and stays silent; somebody else listens on them.
      const binary = writeScript(folder, `echo "$6 $8" > ${folder}/ports\nexec sleep 600`);
      const starting = startForTest(folder, { binary, readyTimeoutMs: 10_000 }).catch(
        (error: unknown) => error as Error,
      );
      const ports = await until(() => readPorts(join(folder, 'ports')), 'the program has started');
      foreign.forEach((server, index) => server.listen(ports[index], '127.0.0.1'));
      expect(await starting).toMatchObject({ message: expect.stringMatching(/answered by another process/) as string });
    },
  );
});

function readPorts(file: string): number[] | null {
  try {
    const ports = readFileSync(file, 'utf8').trim().split(' ').map(Number);
    return ports.length === 2 ? ports : null;
  } catch {
    return null; // Not written yet.
  }
}
