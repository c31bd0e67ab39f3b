/** The clear keys of tenants in memory, unwrapped once; made on first use, looked up again after a while. */
import { randomBytes } from 'node:crypto';
import { failure } from '../../domain/failures.js';
import type { TenantKeyStore, WrappedTenantKey } from '../../domain/ports/tenant-key-store.js';
import { KEY_BYTES } from './master-key.js';
import type { MasterKey } from './master-key.js';
import { deriveKey, openBytes, sealBytes } from './sealed-bytes.js';

export interface TenantKey {
  readonly id: string;
  /** The key of one purpose, derived once. */
  derived(purpose: string): Uint8Array;
}

export interface KeyRing {
  /** The key new boxes are sealed with. */
  current(tenantId: string): Promise<TenantKey>;
  /** @returns null when the tenant has no key of this id. */
  byId(tenantId: string, id: string): Promise<TenantKey | null>;
  /** A new key for new boxes; the ones before it still open theirs. @returns the id of the one in use now. */
  rotate(tenantId: string): Promise<string>;
  /** Wrap every key with the newest master key. @returns how many were wrapped by an older one. */
  rewrap(): Promise<number>;
}

export interface KeyRingOptions {
  readonly store: TenantKeyStore;
  /** The one that wraps new keys, then those that may still wrap old ones. */
  readonly masterKeys: readonly [MasterKey, ...MasterKey[]];
  readonly now?: () => number;
}

/** Another process may have rotated: after this long the current key is looked up again. */
const FRESH_MS = 60_000;
/** An id that is not known is looked up at most this often per tenant: a stranger's boxes must not become queries. */
const MISS_PAUSE_MS = 1_000;
/** Tenants held in memory; the one used longest ago leaves first. */
const MAX_TENANTS = 10_000;
const ID_BYTES = 6;

interface Ring {
  /** Null: the tenant has none yet, or all were retired. */
  readonly current: TenantKey | null;
  readonly byId: ReadonlyMap<string, TenantKey>;
  readonly loadedAtMs: number;
}

export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { store, masterKeys } = options;
  const [master] = masterKeys;
  const now = options.now ?? Date.now;
  const rings = createRings((tenantId) => loadRing(options, tenantId, now()), now);
  return {
    current: async (tenantId) => {
      const held = await rings.get(tenantId, FRESH_MS);
      if (held.current !== null) return held.current;
      await store.addFirst(wrapNew(master, tenantId, now()));
      const { current } = await rings.renew(tenantId);
      if (current !== null) return current;
      throw failure('secrets.unreadable', `tenant ${tenantId} has no key in use: its keys were retired`);
    },
    byId: async (tenantId, id) => {
      const known = (await rings.get(tenantId, Infinity)).byId.get(id);
      return known ?? (await rings.get(tenantId, MISS_PAUSE_MS)).byId.get(id) ?? null;
    },
    rotate: async (tenantId) => {
      const key = wrapNew(master, tenantId, now());
      await store.replace(key);
      // Of two rotations at once one key stays, and both say which.
      return (await rings.renew(tenantId)).current?.id ?? key.id;
    },
    rewrap: async () => {
      const old = await store.listWrappedByOthers(master.id);
      for (const row of old) await store.rewrap(wrap(master, row, unwrap(masterKeys, row)), row.masterId);
      return old.length;
    },
  };
}

interface Rings {
  /** The ring in memory, looked up again when it is older. */
  get(tenantId: string, maxAgeMs: number): Promise<Ring>;
  renew(tenantId: string): Promise<Ring>;
}

function createRings(load: (tenantId: string) => Promise<Ring>, now: () => number): Rings {
  const rings = new Map<string, Promise<Ring>>();
  const renew = async (tenantId: string): Promise<Ring> => {
    const loading = load(tenantId);
    rings.delete(tenantId);
    rings.set(tenantId, loading);
    const oldest = rings.keys().next();
    if (rings.size > MAX_TENANTS && oldest.done !== true) rings.delete(oldest.value);
    const forget = (): void => {
      if (rings.get(tenantId) === loading) rings.delete(tenantId);
    };
    try {
      const ring = await loading;
      // Nothing is kept for a tenant without keys: it may be somebody's invention.
      if (ring.byId.size === 0) forget();
      return ring;
    } catch (error) {
      forget(); // The next call asks the store again.
      throw error;
    }
  };
  return {
    get: async (tenantId, maxAgeMs) => {
      const held = rings.get(tenantId);
      if (held === undefined) return renew(tenantId);
      const ring = await held;
      if (now() - ring.loadedAtMs <= maxAgeMs) return ring;
      // Many may find it old at once; one of them looks.
      return rings.get(tenantId) === held ? renew(tenantId) : (rings.get(tenantId) ?? renew(tenantId));
    },
    renew,
  };
}

async function loadRing({ store, masterKeys }: KeyRingOptions, tenantId: string, nowMs: number): Promise<Ring> {
  const rows = await store.list(tenantId);
  const byId = new Map(rows.map((row) => [row.id, toTenantKey(row.id, unwrap(masterKeys, row))]));
  const newest = rows.find((row) => row.retiredAtMs === null);
  return { current: (newest && byId.get(newest.id)) ?? null, byId, loadedAtMs: nowMs };
}

const wrapContext = (tenantId: string, id: string): string => `tenant key ${tenantId} ${id}`;

function wrapNew(master: MasterKey, tenantId: string, createdAtMs: number): WrappedTenantKey {
  const id = randomBytes(ID_BYTES).toString('hex');
  const row = { tenantId, id, masterId: master.id, wrapped: new Uint8Array(), createdAtMs, retiredAtMs: null };
  return wrap(master, row, randomBytes(KEY_BYTES));
}

function wrap(master: MasterKey, row: WrappedTenantKey, key: Uint8Array): WrappedTenantKey {
  const wrapped = sealBytes(deriveKey(master.key, 'wrap'), wrapContext(row.tenantId, row.id), key);
  return { ...row, masterId: master.id, wrapped };
}

/** @throws `config.invalid`: the master key is another one than the one that wrapped it. */
function unwrap(masterKeys: readonly MasterKey[], row: WrappedTenantKey): Uint8Array {
  const master = masterKeys.find((each) => each.id === row.masterId);
  const key =
    master === undefined
      ? null
      : openBytes(deriveKey(master.key, 'wrap'), wrapContext(row.tenantId, row.id), row.wrapped);
  if (key !== null) return key;
  throw failure(
    'config.invalid',
    `The key of tenant ${row.tenantId} was wrapped by master key ${row.masterId}, and the server has ` +
      `${masterKeys.map((each) => each.id).join(', ')}: set TURNSTONE_MASTER_KEY to the key it was, or name that one in ` +
      'TURNSTONE_PREVIOUS_MASTER_KEYS. Without it nothing sealed with this key can be read again.',
  );
}

function toTenantKey(id: string, key: Uint8Array): TenantKey {
  const derived = new Map<string, Uint8Array>();
  return {
    id,
    derived: (purpose) => {
      const known = derived.get(purpose);
      if (known !== undefined) return known;
      const made = deriveKey(key, purpose);
      derived.set(purpose, made);
      return made;
    },
  };
}
