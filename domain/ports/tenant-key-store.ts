/** The keys of tenants, wrapped by the master key: the store never sees a clear one. */

export interface WrappedTenantKey {
  readonly tenantId: string;
  /** Short and random; stands in every box sealed with the key. */
  readonly id: string;
  /** Which master key wraps it. */
  readonly masterId: string;
  readonly wrapped: Uint8Array;
  readonly createdAtMs: number;
  /** Null: the one new boxes are sealed with. Others only open what they sealed. */
  readonly retiredAtMs: number | null;
}

export interface TenantKeyStore {
  /** All keys of one tenant, newest first. */
  list(tenantId: string): Promise<readonly WrappedTenantKey[]>;
  /**
   * Add the tenant's first key. When another process was faster, its key stays and this one is not kept.
   * @throws `store.unavailable`; `server.internal` when the tenant does not exist.
   */
  addFirst(key: WrappedTenantKey): Promise<void>;
  /** Add a key and retire the ones before it, in one transaction. */
  replace(key: WrappedTenantKey): Promise<void>;
  /** System-wide: keys wrapped by another master key than this one. */
  listWrappedByOthers(masterId: string): Promise<readonly WrappedTenantKey[]>;
  /** The same key under another wrapping; nothing when `from` does not wrap it any more. Safe to repeat. */
  rewrap(key: WrappedTenantKey, from: string): Promise<void>;
}
