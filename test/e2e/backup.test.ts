/** The restore drill: a backup taken under load comes back on an empty folder with the two commands a person would type. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answerText } from '../support/fake-provider-script.js';
import { runToEnd } from '../support/product-process.js';
import { answerOf, sharedProduct, TEST_KEY } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const CLI = 'cli/turnstone.mjs';

describe('backup and restore', () => {
  const shared = sharedProduct();

  it(
    verifies('backup.drill'),
    async () => {
      const product = shared();
      const folder = mkdtempSync(join(tmpdir(), 'turnstone-drill-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const env = { PATH: process.env['PATH'] ?? '', HOME: folder, TURNSTONE_API_KEY: TEST_KEY };
      const ask = async (input: string): Promise<string> => {
        product.provider.queue(answerText(`answer to ${input}`));
        return (await product.openai.responses.create({ model: 'general', input })).id;
      };
      const finished = [await ask('one'), await ask('two'), await ask('three')];
      // In the middle of its answer when the backup is made.
      product.provider.queue(answerText('slowly '.repeat(200), { chunkSize: 7, delayMs: 50 }));
      const running = await product.openai.responses.create({ model: 'general', input: 'slow', background: true });

      const backup = await runToEnd('node', [CLI, 'backup', '--json', '--url', `${product.apiUrl}/v1`], env);
      expect(backup).toMatchObject({ code: 0 });
      const { path } = JSON.parse(backup.out) as { path: string };
      await product.crash();

      const elsewhere = join(folder, 'restored');
      const restored = await runToEnd('node', [CLI, 'restore', path, '--data-dir', elsewhere], env);
      expect(restored).toMatchObject({ code: 0 });
      expect(restored.out).toContain('Start the server');
      product.provider.queue(answerText('finished after the restore'));
      const again = await product.startAgain(elsewhere);
      for (const [index, id] of finished.entries()) {
        expect(answerOf(await again.response(id))).toBe(`answer to ${['one', 'two', 'three'][index] ?? ''}`);
      }
      const ended = await until(
        async () => {
          const now = await again.response(running.id);
          return now.status === 'in_progress' || now.status === 'queued' ? null : now;
        },
        'the turn that was running goes on',
        60_000,
      );
      expect(ended.status).toBe('completed');
      expect(answerOf(ended)).toBe('finished after the restore');
    },
    180_000,
  );

  it('backup without a key, without a server; restore of nothing, over something -> one message with a remedy, exit 1', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'turnstone-drill-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder };
    const noKey = await runToEnd('node', [CLI, 'backup'], env);
    expect(noKey).toMatchObject({ code: 1 });
    expect(noKey.err).toContain('Set TURNSTONE_API_KEY');
    const url = 'http://127.0.0.1:9';
    const noServer = await runToEnd('node', [CLI, 'backup', '--url', url], { ...env, TURNSTONE_API_KEY: TEST_KEY });
    expect(noServer.err).toContain(`No server answers at ${url}`);
    const nothing = await runToEnd('node', [CLI, 'restore', 'newest', '--data-dir', folder], env);
    expect(nothing).toMatchObject({ code: 1 });
    expect(nothing.err).toContain('There is no backup and no snapshot');
  }, 60_000);
});
