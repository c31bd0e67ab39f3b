/** What one user owns of every kind: the victim's is aimed at, the attacker's stands where a request needs ids of its own. */
import { expect } from 'vitest';
import { newId } from '../../../domain/ids.js';
import { internalScope, ownerScope } from '../../../domain/scope.js';
import type { ApiFixture } from '../../support/api-fakes.js';
import { aCallingStep, aNewTurn, aToolItem, anEnding } from '../../support/turn-builders.js';
import type { Owner } from './real-api.js';

export interface World extends Owner {
  readonly key: string;
  readonly keyId: string;
  /** A text that only stands in what this user wrote. */
  readonly canary: string;
  readonly conversationId: string;
  readonly responseId: string;
  /** An answer's item in the conversation. */
  readonly itemId: string;
  readonly fileId: string;
  /** A response that a limit ended. */
  readonly limitedId: string;
  /** A response that ended with a call for the client, and the call. */
  readonly callingId: string;
  readonly callId: string;
  /** A call of a response that waits for a decision. */
  readonly approvalId: string;
  /** A conversation for whose rest a tool was approved, and the tool: a name nobody else has. */
  readonly consentedId: string;
  readonly consentedTool: string;
  /** A response that runs until it is cancelled. */
  readonly runningId: string;
  /** A message that waits to be read by the running response. */
  readonly steerId: string;
  /** A call of a tool that was begun. */
  readonly effectId: string;
  readonly idempotencyKey: string;
  readonly exported: Readonly<Record<string, unknown>>;
}

interface Made {
  readonly id: string;
  readonly output: readonly { readonly id: string; readonly call_id: string }[];
  readonly data: readonly { readonly content?: readonly { readonly file_id?: string }[] }[];
}

export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Made>;

export const FUNCTION = { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} } };

/** Calls that must succeed. */
export function callerOf(api: ApiFixture, key: string): Call {
  return async (method, path, body, headers = {}) => {
    const answer = await api.request(method, path, body, { authorization: `Bearer ${key}`, ...headers });
    expect(answer.status, `${method} ${path}: ${answer.text.slice(0, 300)}`).toBeLessThan(300);
    return answer.json as unknown as Made;
  };
}

/** @param key may write. */
export async function createWorld(api: ApiFixture, owner: Owner & { key: string; keyId: string }): Promise<World> {
  const call = callerOf(api, owner.key);
  const canary = `canary-${globalThis.crypto.randomUUID()}`;
  const idempotencyKey = `once-${canary}`;
  const conversation = await call('POST', '/v1/conversations', {
    title: `Title ${canary}`,
    metadata: { note: canary },
    items: [{ type: 'message', role: 'user', content: `Note ${canary}` }],
  });
  const file = { type: 'input_file', filename: `${canary}.txt`, file_data: Buffer.from(canary).toString('base64') };
  const input = [{ role: 'user', content: [file, { type: 'input_text', text: `Question ${canary}` }] }];
  const asked = { input, conversation: conversation.id };
  const response = await call('POST', '/v1/responses', asked, { 'idempotency-key': idempotencyKey });
  const given = await call('GET', `/v1/responses/${response.id}/input_items?order=desc`);
  const fileId = given.data.flatMap(({ content }) => content ?? []).find((part) => part.file_id !== undefined)?.file_id;
  const limited = await call('POST', '/v1/responses', { input: `limit ${canary}` });
  const calling = await call('POST', '/v1/responses', { input: `call ${canary}`, tools: [FUNCTION] });
  const running = await call('POST', '/v1/responses', { input: `wait ${canary}`, background: true });
  const steer = await call('POST', `/v1/responses/${running.id}/steer`, { input: `Steer ${canary}` });
  const effectId = await beginEffect(api, owner, canary);
  const exported = await call('GET', `/v1/conversations/${conversation.id}/export`);
  return {
    ...owner,
    canary,
    conversationId: conversation.id,
    responseId: response.id,
    itemId: response.output[0]?.id ?? '',
    fileId: fileId ?? '',
    limitedId: limited.id,
    callingId: calling.id,
    callId: calling.output[0]?.call_id ?? '',
    approvalId: await anApproval(api, owner, canary),
    ...(await aConsent(api, owner)),
    runningId: running.id,
    steerId: steer.id,
    effectId,
    idempotencyKey,
    exported: exported as unknown as Record<string, unknown>,
  };
}

/** As an activity does it: the engine of this test runs no tools. */
async function beginEffect(api: ApiFixture, owner: Owner, canary: string): Promise<string> {
  const { turns } = api.deps;
  const { turn } = await turns.accept(ownerScope(owner), aNewTurn());
  const item = aToolItem({ arguments: JSON.stringify({ to: canary }) });
  await turns.commitStep(internalScope(owner.tenantId, 'turn'), aCallingStep(turn.id, item, { effect: 'keyed' }));
  await turns.claimTool(internalScope(owner.tenantId, 'turn'), { turnId: turn.id, step: 1, callIndex: 0 });
  return item.id;
}

async function aConsent(api: ApiFixture, owner: Owner): Promise<Pick<World, 'consentedId' | 'consentedTool'>> {
  const { turns, approvals, conversations } = api.deps;
  const scope = ownerScope(owner);
  const consentedTool = `tool-${globalThis.crypto.randomUUID()}`;
  const { id: consentedId } = await conversations.create(scope, {
    id: newId('conversation'),
    title: null,
    metadata: {},
  });
  const { turn } = await turns.accept(scope, aNewTurn({ conversationId: consentedId }));
  await turns.commitStep(scope, aCallingStep(turn.id, aToolItem({ name: consentedTool })));
  const approvalId = newId('approval');
  const call = { approvalId, callIndex: 0, argumentsHash: 'a'.repeat(64), because: 'rule', standing: true } as const;
  await approvals.open(scope, { turnId: turn.id, step: 1, mode: 'wait', withinMs: 86_400_000, calls: [call] });
  await approvals.decide(scope, approvalId, {
    status: 'approved',
    origin: 'person',
    decidedBy: owner.principalId,
    reason: null,
    edited: null,
    remember: 'conversation',
    argumentsHash: null,
  });
  await turns.finish(scope, turn.id, anEnding());
  return { consentedId, consentedTool };
}

async function anApproval(api: ApiFixture, owner: Owner, canary: string): Promise<string> {
  const { turns, approvals } = api.deps;
  const scope = ownerScope(owner);
  const { turn } = await turns.accept(scope, aNewTurn());
  await turns.commitStep(scope, aCallingStep(turn.id, aToolItem({ arguments: JSON.stringify({ canary }) })));
  const approvalId = newId('approval');
  const call = { approvalId, callIndex: 0, argumentsHash: 'a'.repeat(64), because: 'rule', standing: false } as const;
  await approvals.open(scope, { turnId: turn.id, step: 1, mode: 'wait', withinMs: 86_400_000, calls: [call] });
  return approvalId;
}
