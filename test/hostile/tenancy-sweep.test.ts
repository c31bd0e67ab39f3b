/**
 * Proven, for every route of the OpenAPI description and every id it takes in path, query, header and body: another tenant's
 * user and another user of the tenant get what an unknown id gets, see nothing of the victim and change nothing of it; a
 * revoked key, no key and a key that may only read are refused; owners cannot be set by a body.
 *
 * The list of ids is read from the description, so a new route or field arrives here by itself; the message says what to add.
 */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiRoutes } from '../../api/app.js';
import { createOpenApiDocument } from '../../api/openapi/openapi-document.js';
import type { Answer } from '../support/api-fakes.js';
import { until } from '../support/until.js';
import { countCases } from './case-count.js';
import { operationsOf } from './tenancy/id-slots.js';
import type { OpenApiDocument, Operation } from './tenancy/id-slots.js';
import { nestedOwners, ownerFields } from './tenancy/owner-fields.js';
import { startRealApi } from './tenancy/real-api.js';
import type { RealApi } from './tenancy/real-api.js';
import { CONSUMING, NOT_FOR_USERS, PUBLIC, REQUESTS } from './tenancy/requests.js';
import type { Request } from './tenancy/requests.js';
import { bodyWith, ruleFor } from './tenancy/rules.js';
import { callerOf, createWorld } from './tenancy/worlds.js';
import type { World } from './tenancy/worlds.js';

// The list of routes is made without touching the parts behind them.
const routes = createApiRoutes({} as never);
const operations = operationsOf(createOpenApiDocument(routes, '0') as unknown as OpenApiDocument);
const guarded = operations.filter(({ needsKey }) => needsKey);
const scopeOf = ({ operationId }: Operation): string | null =>
  routes.find((route) => route.operationId === operationId)?.scope ?? null;

interface Keys {
  readonly readOnly: string;
  readonly revoked: string;
  readonly tenantAdmin: string;
}

let real: RealApi;
let victim: World;
let stranger: World;
let colleague: World;
let keys: Keys;

interface NewKey {
  readonly id: string;
  readonly key: string;
}

const newKey = async (admin: string, principal: string, scopes: readonly string[]): Promise<NewKey> =>
  (await callerOf(real.api, admin)('POST', '/v1/admin/keys', {
    name: principal,
    principal,
    scopes,
  })) as unknown as NewKey;

const newWorld = async (admin: string, tenantId: string, principalId: string): Promise<World> => {
  const { id: keyId, key } = await newKey(admin, principalId, ['write']);
  return createWorld(real.api, { tenantId, principalId, key, keyId });
};

beforeAll(async () => {
  real = await startRealApi();
  const made = await callerOf(real.api, real.api.key)('POST', '/v1/admin/tenants', { id: 'rivals', name: 'Rivals' });
  const tenantAdmin = (made as unknown as { key: NewKey }).key.key;
  victim = await newWorld(real.api.key, 'default', 'anna');
  colleague = await newWorld(real.api.key, 'default', 'ben');
  // The same principal id as the victim's, in another tenant.
  stranger = await newWorld(tenantAdmin, 'rivals', 'anna');
  const readOnly = (await newKey(real.api.key, 'anna', ['read'])).key;
  const revoked = await newKey(real.api.key, 'anna', ['write']);
  await callerOf(real.api, real.api.key)('DELETE', `/v1/admin/keys/${revoked.id}`);
  keys = { readOnly, revoked: revoked.key, tenantAdmin };
});
afterAll(() => {
  countCases({
    corpus: 'ids of others, in every place of every route',
    required: 'as an unknown id, down to the statements',
    payloads: compared,
  });
  return real.close();
});

function requestOf({ operationId }: Operation, own: World): Request {
  return REQUESTS[operationId]?.(own) ?? {};
}

function send(operation: Operation, request: Request, key: string | null): Promise<Answer> {
  let path = operation.path;
  for (const [name, value] of Object.entries(request.path ?? {}))
    path = path.replace(`{${name}}`, encodeURIComponent(value));
  const query = request.query === undefined ? '' : `?${new URLSearchParams(request.query).toString()}`;
  const headers = { authorization: key === null ? '' : `Bearer ${key}`, ...request.headers };
  return real.api.request(operation.method, path + query, request.body, headers);
}

/** The request with one id replaced. */
function withId(operation: Operation, request: Request, slot: string, id: string): Request {
  const [place = '', ...rest] = slot.split('.');
  const name = rest.join('.');
  if (place === 'path') return { ...request, path: { ...request.path, [name]: id } };
  if (place === 'query') return { ...request, query: { ...request.query, [name]: id } };
  if (place === 'header') return { ...request, headers: { ...request.headers, [name.toLowerCase()]: id } };
  const body = bodyWith(request.body ?? {}, slot, id, victim);
  if (body !== null) return { ...request, body };
  throw new Error(
    `say in test/hostile/tenancy/rules.ts (bodyWith) how ${operation.operationId} carries an id at ${slot}`,
  );
}

/** What an answer says, without what differs between two equal ones. */
function said({ status, text }: Answer, id: string): string {
  return `${status} ${text.replaceAll(id, '<id>').replace(/"request_id":"[^"]*"/, '')}`;
}

const sharesTenant = (attacker: World): boolean => attacker.tenantId === victim.tenantId;
/** The strongest key an attacker of this kind has for a route: an administrator of the own tenant sees the tenant, by design. */
const keyFor = (operation: Operation, attacker: World): string =>
  scopeOf(operation) === 'admin' && !sharesTenant(attacker) ? keys.tenantAdmin : attacker.key;

/** How many pairs of answers (a victim's id, an unknown id) were compared, down to the statements. */
let compared = 0;

/** What the database is asked for a request; not for its key, which is looked up once in a while, and not the ends of reads before it. */
async function workFor(operation: Operation, request: Request, key: string): Promise<readonly string[]> {
  real.statements();
  await send(operation, request, key);
  return real.statements().filter((text) => !/^\s*commit/i.test(text) && !text.includes('api_keys'));
}

async function attack(operation: Operation, slot: string, attacker: World): Promise<void> {
  const rule = ruleFor(operation, slot);
  if (rule === null) throw new Error(`no rule for ${operation.operationId} ${slot}`);
  const where = `${operation.operationId}, the victim's id at ${slot}`;
  const key = keyFor(operation, attacker);
  const base = requestOf(operation, attacker);
  const id = rule.of(victim);
  expect(id, `${where}: the victim has none; make one in test/hostile/tenancy/worlds.ts`).not.toBe('');
  const answer = await send(operation, withId(operation, base, slot, id), key);
  expect(answer.text, where).not.toContain(victim.canary);
  expect(answer.status, `${where}: ${answer.text.slice(0, 300)}`).toBeLessThan(isNotAvailable(operation) ? 504 : 500);
  if (rule.kind === 'harmless') return;
  if (answer.status === 403 && scopeOf(operation) === 'admin') return;
  expect(answer.status, `${where}: ${answer.text.slice(0, 300)}`).toBe(rule.status);
  const unknown = await send(operation, withId(operation, base, slot, rule.unknown), key);
  expect(said(answer, id), `${where} is answered as an unknown id is`).toBe(said(unknown, rule.unknown));
  const work = (which: string): Promise<readonly string[]> =>
    workFor(operation, withId(operation, base, slot, which), key);
  // Nor does the time say which it was: the database does the same work for both. A turn of before may be at work beside them.
  await until(
    async () => isDeepStrictEqual(await work(id), await work(rule.unknown)),
    `${where}: the database is asked what it is asked for an unknown id`,
  );
  compared += 1;
}

/** Parts that are not there in this test say so with 501 or 503. */
const isNotAvailable = ({ operationId }: Operation): boolean => NOT_FOR_USERS.has(operationId);

describe('the sweep itself', () => {
  it('every route with a key -> has a request that succeeds', () => {
    const missing = guarded.filter(({ operationId }) => !Object.hasOwn(REQUESTS, operationId));
    const recipe = missing.map(
      ({ operationId, method, path }) =>
        `${method} ${path}: add '${operationId}: (own) => ({ path, query, body })' to REQUESTS in test/hostile/tenancy/requests.ts, ` +
        `with ids of own (new kinds of objects: World and createWorld in worlds.ts)`,
    );
    expect(recipe).toEqual([]);
  });

  it('routes that need no key -> these, which show nothing of anybody', () => {
    const open = operations.filter(({ needsKey }) => !needsKey).map(({ method, path }) => `${method} ${path}`);
    expect(open.toSorted()).toEqual(PUBLIC);
  });

  it('every id of every route -> has a rule', () => {
    const missing = operations.flatMap((operation) =>
      operation.needsKey
        ? operation.slots.filter((slot) => ruleFor(operation, slot) === null).map((slot) => ({ operation, slot }))
        : [],
    );
    const recipe = missing.map(
      ({ operation: { operationId, method, path }, slot }) =>
        `'${operationId} ${method} ${path} ${slot}': add a rule to RULES in test/hostile/tenancy/rules.ts: hidden(prefix, victim => id) when the ` +
        `id names something that belongs to a user, harmless(why, victim => id) when it is never looked up`,
    );
    expect(recipe).toEqual([]);
  });

  it('every request of the table -> succeeds with ids of one’s own', async () => {
    for (const operation of guarded.filter(({ operationId }) => !NOT_FOR_USERS.has(operationId))) {
      const consumes = CONSUMING.has(operation.operationId);
      const name = `user-${operation.operationId}`;
      const own = consumes ? await newWorld(real.api.key, 'default', name) : victim;
      const key = scopeOf(operation) === 'admin' ? real.api.key : own.key;
      const answer = await send(operation, requestOf(operation, own), key);
      expect(answer.status, `${operation.operationId}: ${answer.text.slice(0, 300)}`).toBeLessThan(300);
    }
  });
});

describe.each(['another tenant', 'another user of the tenant'])('%s', (who) => {
  const attacker = (): World => (who === 'another tenant' ? stranger : colleague);

  it.each(
    guarded.filter(({ slots }) => slots.length > 0).map((operation) => [operation.operationId, operation] as const),
  )('%s with ids of the victim -> as unknown ids; nothing shown, nothing changed', async (_name, operation) => {
    const before = await real.dump(victim);
    for (const slot of operation.slots) await attack(operation, slot, attacker());
    const paths = operation.slots.filter((slot) => slot.startsWith('path.'));
    if (paths.length > 1) {
      let both = requestOf(operation, attacker());
      for (const slot of paths) both = withId(operation, both, slot, ruleFor(operation, slot)?.of(victim) ?? '');
      expect((await send(operation, both, keyFor(operation, attacker()))).status).toBe(404);
    }
    expect(await real.dump(victim)).toBe(before);
  });

  it('every route with ids of one’s own -> shows nothing of the victim', async () => {
    const before = await real.dump(victim);
    for (const operation of guarded.filter(({ operationId }) => !CONSUMING.has(operationId))) {
      const answer = await send(operation, requestOf(operation, attacker()), keyFor(operation, attacker()));
      expect(answer.text, operation.operationId).not.toContain(victim.canary);
    }
    const search = await real.api.request('GET', `/v1/conversations?q=${victim.canary}`, undefined, {
      authorization: `Bearer ${attacker().key}`,
    });
    expect(search.json.data).toEqual([]);
    expect(await real.dump(victim)).toBe(before);
  });

  it('a body that names the victim as owner -> refused, and never obeyed', async () => {
    const before = await real.dump(victim);
    for (const operation of guarded.filter(({ hasBody, operationId }) => hasBody && !NOT_FOR_USERS.has(operationId))) {
      const request = requestOf(operation, attacker());
      for (const [field, value] of Object.entries(ownerFields(victim))) {
        // An administrator makes keys and budgets for users: of their own tenant.
        if (field === 'principal' && scopeOf(operation) === 'admin') continue;
        const answer = await send(
          operation,
          { ...request, body: { ...request.body, [field]: value } },
          keyFor(operation, attacker()),
        );
        const refused = answer.status === 400 || (answer.status === 403 && scopeOf(operation) === 'admin');
        expect(refused, `${operation.operationId} with ${field}: ${answer.status} ${answer.text.slice(0, 200)}`).toBe(
          true,
        );
      }
    }
    expect(await real.dump(victim)).toBe(before);
  });

  it('an object inside a body that names the victim as owner -> refused or taken for data, and never obeyed', async () => {
    const before = await real.dump(victim);
    let taken = 0;
    for (const operation of guarded.filter(({ hasBody, operationId }) => hasBody && !NOT_FOR_USERS.has(operationId))) {
      const request = requestOf(operation, attacker());
      for (const body of nestedOwners(operation.operationId, request.body ?? {}, attacker(), victim)) {
        const answer = await send(operation, { ...request, body }, keyFor(operation, attacker()));
        expect(answer.status, `${operation.operationId}: ${answer.text.slice(0, 200)}`).toBeLessThan(500);
        expect(answer.text, operation.operationId).not.toContain(victim.canary);
        if (answer.status < 300) taken += 1;
      }
    }
    // Most are refused; metadata and the like take any name, as data.
    expect(taken).toBeGreaterThan(0);
    expect(await real.dump(victim)).toBe(before);
  });
});

describe('keys', () => {
  it.each(['no key', 'a revoked key'])('%s -> 401 on every route, with the victim’s own ids', async (which) => {
    const before = await real.dump(victim);
    for (const operation of guarded) {
      const answer = await send(operation, requestOf(operation, victim), which === 'no key' ? null : keys.revoked);
      expect(answer.status, operation.operationId).toBe(401);
      expect(answer.text).not.toContain(victim.canary);
    }
    expect(await real.dump(victim)).toBe(before);
  });

  it('the victim’s own key that may only read -> 403 on every route that writes or administers', async () => {
    const before = await real.dump(victim);
    for (const operation of guarded.filter((each) => scopeOf(each) !== 'read')) {
      const answer = await send(operation, requestOf(operation, victim), keys.readOnly);
      expect(answer.status, operation.operationId).toBe(403);
    }
    expect(await real.dump(victim)).toBe(before);
  });

  it('an administrator of the tenant -> sees it, and what they add to a user’s conversation is the user’s', async () => {
    const path = `/v1/conversations/${victim.conversationId}`;
    expect((await real.api.request('GET', path)).text).toContain(victim.canary);
    const call = callerOf(real.api, real.api.key);
    const asked = await call('POST', '/v1/responses', {
      input: 'from the administrator',
      conversation: victim.conversationId,
    });
    const seen = await real.api.request('GET', `/v1/responses/${asked.id}`, undefined, {
      authorization: `Bearer ${victim.key}`,
    });
    expect(seen.status).toBe(200);
  });
});
