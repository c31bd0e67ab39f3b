/**
 * Sealing and signing with a tenant's own key. A box of one tenant, or of one context, opens in no other; destroying a
 * tenant's keys makes everything sealed with them unreadable.
 *
 * All methods throw `secrets.unavailable` when the server has no master key (served, `TURNSTONE_MASTER_KEY` unset), and
 * `store.unavailable` when a key must be loaded and the database is away. All may be repeated.
 */
export interface SecretBox {
  /** False: no master key, nothing can be sealed or signed; say so to the caller before anything is accepted. */
  readonly available: boolean;
  /**
   * @param context what the box belongs to, e.g. `provider-key/<turn id>`; not in the box, needed to open it.
   * @returns key id, nonce, ciphertext and tag as bytes.
   */
  seal(tenantId: string, context: string, plaintext: Uint8Array): Promise<Uint8Array>;
  /** @throws `secrets.unreadable`: changed, of another tenant or context, or sealed with a key that is gone. */
  open(tenantId: string, context: string, box: Uint8Array): Promise<Uint8Array>;
  /**
   * A token for links: URL-safe text that says for what and until when. Not encrypted: put ids into it, nothing secret. It may be
   * used as often as it is shown until it expires; what may happen once is the business of whoever verifies it.
   * @param purpose e.g. `approval`; a token of one purpose is no token for another.
   */
  sign(tenantId: string, purpose: string, subject: string, expiresAtMs: number): Promise<string>;
  /** Never throws for a bad token: whatever is wrong with it is `invalid`. */
  verify(purpose: string, token: string): Promise<VerifiedToken>;
}

export type VerifiedToken =
  | { readonly state: 'valid'; readonly tenantId: string; readonly subject: string; readonly expiresAtMs: number }
  /** Genuine, but its time is over. */
  | { readonly state: 'expired' }
  | { readonly state: 'invalid' };
