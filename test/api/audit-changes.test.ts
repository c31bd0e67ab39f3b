/** Proven: what administrators change is in the audit trail of the tenant it concerns, with who and under which request. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

interface Entries {
  readonly data: readonly { readonly action: string; readonly request_id: string }[];
}
const trail = async (key?: string): Promise<Entries['data']> => {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await api.request('GET', '/v1/audit?order=asc', undefined, headers);
  return (answer.json as unknown as Entries).data;
};

it('keys, users and tenants made, revoked, restored -> an entry each, under its request', async () => {
  const made = await api.request('POST', '/v1/admin/keys', { name: 'laptop', scopes: ['read'], principal: 'anna' });
  const { id } = made.json;
  await api.request('DELETE', `/v1/admin/keys/${id}`);
  await api.request('POST', '/v1/admin/users/anna/revoke');
  await api.request('POST', '/v1/admin/users/anna/restore');
  const tenant = await api.request('POST', '/v1/admin/tenants', { id: 'rivals', name: 'Rivals', admin: 'rita' });
  const first = (tenant.json as unknown as { key: { id: string; key: string } }).key;
  const entries = await trail();
  expect(entries).toMatchObject([
    { action: 'key.created', subject: id, details: { principal: 'anna', scopes: ['read'] } },
    { action: 'key.revoked', subject: id },
    { action: 'user.revoked', subject: 'anna', details: { stopped_responses: 0 } },
    { action: 'user.restored', subject: 'anna' },
    { action: 'tenant.created', subject: 'rivals' },
  ]);
  for (const entry of entries) expect(entry).toMatchObject({ principal: 'tester' });
  expect(entries[0]?.request_id).toBe(made.headers.get('x-request-id'));
  expect(await trail(first.key)).toMatchObject([
    { action: 'key.created', principal: 'operator', subject: first.id, details: { principal: 'rita' } },
  ]);
  expect(JSON.stringify(entries)).not.toContain(made.json.key);
});

it('what is refused or names nothing -> no entry', async () => {
  const before = (await trail()).length;
  await api.request('DELETE', '/v1/admin/keys/key_0');
  await api.request('POST', '/v1/admin/users/nobody/revoke');
  await api.request('POST', '/v1/admin/users/nobody/restore');
  await api.request('POST', '/v1/admin/tenants', { id: 'rivals', name: 'Again', admin: 'rita' });
  expect(await trail()).toHaveLength(before);
});
