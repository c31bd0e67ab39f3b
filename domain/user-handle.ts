/**
 * A principal as Temporal's visibility knows them: an id that says nothing of who it is. Principals are often e-mail addresses,
 * and search attributes stand readable in a store of Temporal's, beyond what is encrypted and what a deletion reaches.
 */
const LENGTH = 32;

/** The same for ever: what is searched for is found in runs of any age. Whoever guesses a principal can check the guess. */
export async function userHandle(tenantId: string, principalId: string): Promise<string> {
  const text = new TextEncoder().encode(`turnstone user\n${tenantId}\n${principalId}`);
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', text));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.slice(0, LENGTH);
}
