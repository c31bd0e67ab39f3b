/** Administration: what was answered holds whatever dies then, and what was not can be asked for again. */
import { messageWith } from '../world/turn-plan.js';
import { ask, calls, completedWith, endedAs, newPlanId, readTurn, said, sendTurn, untilFound } from './shape.js';
import type { Shape, ShapeRun } from './shape.js';

interface MadeKey {
  readonly id: string;
  readonly key: string;
}

/** Where the answer was lost there is another one, which nobody has. */
async function makeKey(run: ShapeRun, principal: string): Promise<MadeKey> {
  const { json } = await ask(run, 'POST', '/v1/admin/keys', { name: principal, scopes: ['read', 'write'], principal });
  return json as MadeKey;
}

async function expectStatus(run: ShapeRun, apiKey: string, wanted: number, when: string): Promise<void> {
  const { status } = await ask(run, 'GET', '/v1/limits', undefined, { apiKey });
  if (status !== wanted) run.broken(6, `${when}, a key is answered with ${status}, not ${wanted}`);
}

/** What was granted up to this long ago may still be believed. */
const revoked = (run: ShapeRun, apiKey: string): Promise<unknown> =>
  untilFound(run, 'a revoked key is refused', async () =>
    (await ask(run, 'GET', '/v1/limits', undefined, { apiKey })).status === 401 ? true : null,
  );

const keys: Shape = {
  name: 'admin-keys',
  async run(run) {
    const { id, key } = await makeKey(run, newPlanId(run));
    await expectStatus(run, key, 200, 'after it was made');
    await ask(run, 'DELETE', `/v1/admin/keys/${id}`);
    await revoked(run, key);
    return [];
  },
};

const users: Shape = {
  name: 'admin-users',
  async run(run) {
    const principal = newPlanId(run);
    const { key } = await makeKey(run, principal);
    const planId = newPlanId(run);
    const input = messageWith({ id: planId, steps: [{ reply: said(planId, 250) }] });
    const body = { model: 'faulty', input, background: true };
    const { json } = await ask(run, 'POST', '/v1/responses', body, { apiKey: key, key: `key-of-${planId}` });
    const path = `/v1/admin/users/${principal}`;
    await ask(run, 'POST', `${path}/revoke`);
    await revoked(run, key);
    await ask(run, 'POST', `${path}/restore`);
    await expectStatus(run, key, 200, 'after its user was restored');
    // The user was gone before the end: an administrator reads it.
    const { id } = json as { readonly id: string };
    return [await readTurn(run, id, { planId, expected: endedAs('cancelled', 'completed') })];
  },
};

const budgets: Shape = {
  name: 'admin-budgets',
  async run(run) {
    const principal = newPlanId(run);
    const { key } = await makeKey(run, principal);
    const setting = { principal, period: 'total', limit_micros: 50_000_000 };
    const { json } = await ask(run, 'POST', '/v1/admin/budgets', setting);
    const { id } = json as { readonly id: string };
    const planId = newPlanId(run);
    const steps = [{ reply: said(planId) }];
    const checked = await sendTurn({ ...run, apiKey: key }, { planId, steps, expected: completedWith(planId) });
    await untilFound(run, `the budget of ${principal} is settled`, async () => {
      const { json: limits } = await ask(run, 'GET', '/v1/limits', undefined, { apiKey: key });
      const [budget] = (limits as { readonly budgets: readonly { used_micros: number; held_micros: number }[] })
        .budgets;
      const cost = checked.stored?.turnstone.cost_micros ?? 0;
      return budget?.held_micros === 0 && budget.used_micros === cost ? true : null;
    });
    await ask(run, 'DELETE', `/v1/admin/budgets/${id}`);
    return [checked];
  },
};

const tenants: Shape = {
  name: 'admin-tenants',
  async run(run) {
    const id = newPlanId(run);
    const { status, json } = await ask(run, 'POST', '/v1/admin/tenants', { id, name: `Tenant ${id}` });
    // Made, and the answer with its key was lost with the process: it is there, and says so.
    if (status === 409) return [];
    if (status !== 201) run.broken(1, `a tenant was answered with ${status}: ${JSON.stringify(json)}`);
    const { key } = (json as { readonly key: MadeKey }).key;
    const planId = newPlanId(run);
    const steps = [{ reply: said(planId) }];
    return [await sendTurn({ ...run, apiKey: key }, { planId, steps, expected: completedWith(planId) })];
  },
};

/** What was sealed before stays readable, and what follows is sealed with the new key. */
const encryptionKeys: Shape = {
  name: 'admin-encryption-keys',
  async run(run) {
    const { status } = await ask(run, 'POST', '/v1/admin/encryption_keys/rotate', {});
    if (status !== 201) run.broken(8, `a rotation was answered with ${status}`);
    const planId = newPlanId(run);
    const steps = [{ reply: calls(planId, 'first', [{ tool: 'look' }]) }, { reply: said(planId) }];
    return [await sendTurn(run, { planId, steps, expected: completedWith(planId) })];
  },
};

const audit: Shape = {
  name: 'admin-audit',
  async run(run) {
    const data = Buffer.from('"a word"').toString('base64');
    const metadata = { encoding: Buffer.from('json/plain').toString('base64') };
    await ask(run, 'POST', '/codec/encode', { payloads: [{ metadata, data }] });
    const { json } = await ask(run, 'GET', '/v1/audit/check');
    if ((json as { readonly broken_at: unknown }).broken_at !== null) run.broken(7, 'the chain is broken');
    return [];
  },
};

/** A copy that is listed is a whole one. */
const backups: Shape = {
  name: 'admin-backups',
  async run(run) {
    const { status, json } = await ask(run, 'POST', '/v1/admin/backups', {});
    if (status !== 201) run.broken(1, `a backup was answered with ${status}: ${JSON.stringify(json)}`);
    return [];
  },
};

export const ADMIN_SHAPES: readonly Shape[] = [keys, users, budgets, tenants, encryptionKeys, audit, backups];
