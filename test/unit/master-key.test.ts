/** Proven: a master key is read in each notation, made once in a file nobody else may read, and never shown in a message. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepMasterKey, parseMasterKey } from '../../adapters/secrets/master-key.js';

const BYTES = Buffer.alloc(32, 7);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'turnstone-master-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  ['hex', BYTES.toString('hex')],
  ['upper-case hex', BYTES.toString('hex').toUpperCase()],
  ['base64', BYTES.toString('base64')],
  ['base64 without padding', BYTES.toString('base64').replace('=', '')],
  ['base64url with a line end', `${BYTES.toString('base64url')}\n`],
])('master key: %s -> the same 32 bytes and the same id', (_, text) => {
  const master = parseMasterKey(text, 'TURNSTONE_MASTER_KEY');
  expect(Buffer.from(master.key)).toEqual(BYTES);
  expect(master.id).toBe(parseMasterKey(BYTES.toString('hex'), 'x').id);
  expect(BYTES.toString('hex')).not.toContain(master.id);
});

it.each(['', 'geheim', 'ab'.repeat(31), 'ab'.repeat(33), `${'A'.repeat(43)}==`])(
  'master key: %j is none -> config.invalid naming the place, not the value',
  (text) => {
    const parse = (): unknown => parseMasterKey(text, 'TURNSTONE_MASTER_KEY');
    expect(parse).toThrow(/TURNSTONE_MASTER_KEY.*openssl/);
    if (text !== '') expect(parse).not.toThrow(new RegExp(text.slice(0, 6)));
  },
);

it('master key file: none yet, opened by several at once -> one key, mode 0600, kept', async () => {
  const path = join(folder, 'master.key');
  const keys = await Promise.all([1, 2, 3, 4].map(() => keepMasterKey(path)));
  expect(new Set(keys.map((key) => key.id)).size).toBe(1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await keepMasterKey(path)).id).toBe(keys[0]?.id);
  expect((await readFile(path, 'utf8')).trim()).toMatch(/^[0-9a-f]{64}$/);
});

it('master key file: something else in it -> refused, never replaced', async () => {
  const path = join(folder, 'other.key');
  await writeFile(path, 'half a key');
  await expect(keepMasterKey(path)).rejects.toMatchObject({ code: 'config.invalid' });
  expect(await readFile(path, 'utf8')).toBe('half a key');
});
