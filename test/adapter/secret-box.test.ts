/**
 * Proven, over both databases: a box opens only for its tenant, context and unchanged bytes; tokens hold for their purpose and
 * until they expire; rotated keys still open; a new master key wraps again what an old one wrapped, and a missing one is told.
 */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTenantKeyStore } from '../../adapters/postgres/tenant-key-store.js';
import { createKeyRing } from '../../adapters/secrets/key-ring.js';
import type { KeyRing } from '../../adapters/secrets/key-ring.js';
import { toMasterKey } from '../../adapters/secrets/master-key.js';
import type { MasterKey } from '../../adapters/secrets/master-key.js';
import { createNoSecretBox, createSecretBox } from '../../adapters/secrets/secret-box.js';
import { describeOnDatabases } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';

const newMaster = (): MasterKey => toMasterKey(randomBytes(32));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const bytes = (value: string): Uint8Array => Buffer.from(value, 'utf8');

describeOnDatabases('Secret box', (open: () => TestDatabase) => {
  // One for the whole suite: start-up wraps again the keys of all tenants in the database.
  const master = newMaster();
  const ringWith = (...masterKeys: [MasterKey, ...MasterKey[]]): KeyRing =>
    createKeyRing({ store: createTenantKeyStore(open().database), masterKeys });

  it('seal -> opens again, in this process and in another one', async () => {
    const { tenantId } = await open().newScope();
    const box = await createSecretBox(ringWith(master)).seal(tenantId, 'provider-key/resp_1', bytes('geheim'));
    expect(Buffer.from(box).includes('geheim')).toBe(false);
    expect(text(await createSecretBox(ringWith(master)).open(tenantId, 'provider-key/resp_1', box))).toBe('geheim');
  });

  it('open: another tenant, another context, any changed byte, a cut -> secrets.unreadable', async () => {
    const { tenantId } = await open().newScope();
    const other = await open().newScope();
    const secrets = createSecretBox(ringWith(master));
    const box = Buffer.from(await secrets.seal(tenantId, 'a', bytes('geheim')));
    await secrets.seal(other.tenantId, 'a', bytes('x'));
    const unreadable = { code: 'secrets.unreadable' };
    await expect(secrets.open(other.tenantId, 'a', box)).rejects.toMatchObject(unreadable);
    await expect(secrets.open(tenantId, 'b', box)).rejects.toMatchObject(unreadable);
    for (let at = 0; at < box.byteLength; at += 1) {
      const changed = Buffer.from(box);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(secrets.open(tenantId, 'a', changed)).rejects.toMatchObject(unreadable);
    }
    for (const length of [0, 1, 13, 20, box.byteLength - 1])
      await expect(secrets.open(tenantId, 'a', box.subarray(0, length))).rejects.toMatchObject(unreadable);
  });

  it('verify: any other character at any place, or one more -> invalid', async () => {
    const { tenantId } = await open().newScope();
    const secrets = createSecretBox(ringWith(master));
    const token = await secrets.sign(tenantId, 'approval', 'appr_1', Date.now() + 60_000);
    for (let at = 0; at < token.length; at += 1) {
      const others =
        at === token.length - 1
          ? Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
          : ['A', 'z'];
      for (const other of others.filter((each) => each !== token[at])) {
        const forged = token.slice(0, at) + other + token.slice(at + 1);
        expect(await secrets.verify('approval', forged), `${at} ${other}`).toEqual({ state: 'invalid' });
      }
    }
    expect(await secrets.verify('approval', `${token}!`)).toEqual({ state: 'invalid' });
    expect((await secrets.verify('approval', token)).state).toBe('valid');
  });

  it('keys: made by several processes at once -> one, and every box opens everywhere', async () => {
    const { tenantId } = await open().newScope();
    const boxes = Array.from({ length: 6 }, () => createSecretBox(ringWith(master)));
    const sealed = await Promise.all(boxes.map((box) => box.seal(tenantId, 'a', bytes('x'))));
    expect(new Set(sealed.map((box) => Buffer.from(box.subarray(2, 14)).toString())).size).toBe(1);
    for (const box of sealed) expect(text(await createSecretBox(ringWith(master)).open(tenantId, 'a', box))).toBe('x');
    expect(await createTenantKeyStore(open().database).list(tenantId)).toHaveLength(1);
  });

  it('rotate -> new boxes under a new key, old boxes and tokens still good, also where nobody told of it', async () => {
    const { tenantId } = await open().newScope();
    const [here, there] = [ringWith(master), ringWith(master)];
    const old = await createSecretBox(here).seal(tenantId, 'a', bytes('old'));
    const token = await createSecretBox(here).sign(tenantId, 'approval', 'appr_1', Date.now() + 60_000);
    await there.current(tenantId);
    const id = await here.rotate(tenantId);
    const fresh = await createSecretBox(here).seal(tenantId, 'a', bytes('new'));
    expect(Buffer.from(fresh).includes(id)).toBe(true);
    const box = createSecretBox(there);
    expect(text(await box.open(tenantId, 'a', old))).toBe('old');
    expect((await box.verify('approval', token)).state).toBe('valid');
    // The other process has looked a moment ago and looks again after a second at the soonest.
    await expect.poll(() => box.open(tenantId, 'a', fresh).then(text, () => ''), { timeout: 5_000 }).toBe('new');
  });

  it('tokens: purpose, expiry, tenant and every character count', async () => {
    const { tenantId } = await open().newScope();
    const other = await open().newScope();
    let now = 1_000_000;
    const secrets = createSecretBox(ringWith(master), () => now);
    const token = await secrets.sign(tenantId, 'approval', 'appr_1', now + 1000);
    const valid = { state: 'valid', tenantId, subject: 'appr_1', expiresAtMs: now + 1000 };
    expect(await secrets.verify('approval', token)).toEqual(valid);
    expect(await secrets.verify('image', token)).toEqual({ state: 'invalid' });
    const [body = '', mac = ''] = token.split('.');
    const forged = Buffer.from(body, 'base64url').toString().replace(tenantId, other.tenantId);
    await secrets.sign(other.tenantId, 'approval', 'x', now + 1);
    for (const bad of [
      '',
      '.',
      body,
      `${body}.`,
      `${body}.${mac}.`,
      `${Buffer.from(forged).toString('base64url')}.${mac}`,
      'x'.repeat(9000),
    ])
      expect(await secrets.verify('approval', bad)).toEqual({ state: 'invalid' });
    now += 1000;
    expect(await secrets.verify('approval', token)).toEqual({ state: 'expired' });
  });

  it('verify: a tenant nobody has -> invalid, and no key is made for it', async () => {
    const claims = Buffer.from(JSON.stringify(['nobody', 'abcdefabcdef', Date.now() + 1000, 'x'])).toString(
      'base64url',
    );
    expect(await createSecretBox(ringWith(master)).verify('approval', `${claims}.AAAA`)).toEqual({ state: 'invalid' });
    expect(await createTenantKeyStore(open().database).list('nobody')).toEqual([]);
  });

  it('new master key: the old one named -> wrapped again once, boxes open without the old; not named -> told at the start', async () => {
    const { tenantId } = await open().newScope();
    const next = newMaster();
    const box = await createSecretBox(ringWith(master)).seal(tenantId, 'a', bytes('kept'));
    await expect(ringWith(next).rewrap()).rejects.toThrow(/TURNSTONE_PREVIOUS_MASTER_KEYS/);
    expect(await ringWith(next, master).rewrap()).toBeGreaterThan(0);
    expect(await ringWith(next, master).rewrap()).toBe(0);
    expect(text(await createSecretBox(ringWith(next)).open(tenantId, 'a', box))).toBe('kept');
    await expect(createSecretBox(ringWith(master)).open(tenantId, 'a', box)).rejects.toMatchObject({
      code: 'config.invalid',
    });
    // As the other tests of this suite expect it.
    await ringWith(master, next).rewrap();
  });
});

describe('Without a master key', () => {
  it('every method -> secrets.unavailable, saying what to set', async () => {
    const box = createNoSecretBox();
    expect(box.available).toBe(false);
    for (const call of [
      () => box.seal('default', 'a', bytes('x')),
      () => box.open('default', 'a', bytes('x')),
      () => box.sign('default', 'a', 'x', 1),
      () => box.verify('a', 'x'),
    ])
      await expect(call()).rejects.toMatchObject({
        code: 'secrets.unavailable',
        message: expect.stringContaining('TURNSTONE_MASTER_KEY') as string,
      });
  });
});
