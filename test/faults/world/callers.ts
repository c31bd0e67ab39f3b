/** Who sends the turns of a load: two tenants, each with as many keys as it takes not to be held up by the limit of one. */
import { callUntilAnswered } from './client.js';
import type { World } from './world.js';

export const TENANTS = ['alpha', 'beta'] as const;

export interface Caller {
  /** The id of the tenant is also the tag of everything it says: what turns up elsewhere is recognised. */
  readonly tag: string;
  readonly apiKey: string;
}

export async function makeCallers({ apiUrl }: World, keysPerTenant: number): Promise<readonly Caller[]> {
  const callers: Caller[] = [];
  for (const tag of TENANTS) {
    const made = await callUntilAnswered(apiUrl, 'POST', '/v1/admin/tenants', { body: { id: tag, name: tag } });
    const admin = (made.json as { readonly key: { readonly key: string } }).key.key;
    for (let number = 1; number <= keysPerTenant; number += 1) {
      const body = { name: `${tag} ${number}`, scopes: ['read', 'write'], principal: 'user' };
      const { json } = await callUntilAnswered(apiUrl, 'POST', '/v1/admin/keys', { body, apiKey: admin });
      callers.push({ tag, apiKey: (json as { readonly key: string }).key });
    }
  }
  // Lanes take them in this order: both tenants from the first on.
  return callers.sort(
    (left, right) => (callers.indexOf(left) % keysPerTenant) - (callers.indexOf(right) % keysPerTenant),
  );
}
