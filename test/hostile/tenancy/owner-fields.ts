/** Bodies that name somebody as owner, at their top and in each object inside: what a server that binds fields blindly would obey. */
import type { World } from './worlds.js';

export function ownerFields(victim: World): Readonly<Record<string, string>> {
  return {
    tenant_id: victim.tenantId,
    tenantId: victim.tenantId,
    tenant: victim.tenantId,
    principal_id: victim.principalId,
    principalId: victim.principalId,
    principal: victim.principalId,
    user_id: victim.principalId,
    owner: victim.principalId,
    owner_id: victim.principalId,
    role: 'admin',
  };
}

/** Objects that requests of the table do not have, with what they may hold. */
const MORE: Readonly<Record<string, (own: World) => readonly object[]>> = {
  createResponse: (own) => [
    { turnstone: {} },
    { turnstone: { limits: {} } },
    { metadata: {} },
    { conversation: { id: own.conversationId } },
    { input: [{ role: 'user', content: [{ type: 'input_text', text: 'x' }] }] },
    { text: { format: { type: 'text' } } },
  ],
  countInputTokens: (own) => [{ conversation: { id: own.conversationId } }],
  createConversation: () => [{ metadata: {} }, { items: [{ type: 'message', role: 'user', content: 'x' }] }],
  updateConversation: () => [{ metadata: {} }],
  createChatCompletion: () => [{ turnstone: {} }, { turnstone: { limits: {} } }, { metadata: {} }],
  continueResponse: () => [{ limits: {} }],
  forkResponse: () => [{ change: {} }],
};

/** The request's body with the fields in one inner object each. */
export function nestedOwners(operationId: string, body: object, own: World, victim: World): readonly object[] {
  const fields = ownerFields(victim);
  const bodies = [body, ...(MORE[operationId]?.(own) ?? []).map((more) => ({ ...body, ...more }))];
  return bodies.flatMap((each) => placesOf(each).map((place) => withFields(each, place, fields) as object));
}

type Place = readonly (string | number)[];
/** Exports are long: what is in one item of a list is in all of them. */
const MAX_OF_LIST = 2;

/** Where objects are inside of a value. */
function placesOf(value: unknown, at: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries: (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.slice(0, MAX_OF_LIST).map((each: unknown, index) => [index, each] as const)
    : Object.entries(value);
  const own = at.length > 0 && !Array.isArray(value) ? [at] : [];
  return [...own, ...entries.flatMap(([key, each]) => placesOf(each, [...at, key]))];
}

function withFields(value: unknown, [next, ...rest]: Place, fields: object): unknown {
  if (next === undefined) return { ...(value as object), ...fields };
  if (Array.isArray(value))
    return value.map((each: unknown, index) => (index === next ? withFields(each, rest, fields) : each));
  const object = value as Record<string, unknown>;
  return { ...object, [next]: withFields(object[next], rest, fields) };
}
