/** Links to remote images that this server fetches in place of the reader's browser: only ones it made itself. */
export interface ImageLinks {
  /** The path of the proxy for this URL; null when the server has no key to sign it with. Text made of `A-Za-z0-9/?=&%._-`. */
  link(tenantId: string, url: string): string | null;
  /** Whether the link is one of ours. Takes the same time whatever is wrong with it. */
  verify(link: { readonly tenant: string; readonly url: string; readonly signature: string }): boolean;
}
