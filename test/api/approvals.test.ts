/** Proves the decision over HTTP: who may, what is refused, that one counts, and that the turn is told. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import type { ApprovalMode } from '../../domain/policy.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { aFakeTool, startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { failure } from '../../domain/failures.js';
import { aCallingStep, aNewTurn, anEnding, aToolItem } from '../support/turn-builders.js';

const scope: Scope = { tenantId: 'default', principalId: 'tester', scopes: ['read', 'write'] };
const HASH = 'a'.repeat(64);
let api: ApiFixture;
beforeAll(async () => {
  const checkArguments = (value: unknown): void => {
    if (typeof (value as { to?: unknown }).to !== 'string') throw failure('tool.invalid-arguments', 'to: a text');
  };
  api = await startApi({ tools: [aFakeTool('send_mail', { checkArguments })] });
});
afterAll(() => api.close());

interface Asked {
  readonly id: string;
  readonly turnId: string;
}
/** A turn that waits for a decision about one call. */
async function asked(mode: ApprovalMode = 'wait', conversationId: string | null = null): Promise<Asked> {
  const { turn } = await api.deps.turns.accept(scope, aNewTurn({ conversationId }));
  await api.deps.turns.commitStep(scope, aCallingStep(turn.id, aToolItem({ name: 'send_mail' })));
  const [opened] = await api.deps.approvals.open(internalScope('default', 'turn'), {
    turnId: turn.id,
    step: 1,
    mode,
    withinMs: 60_000,
    calls: [{ approvalId: newId('approval'), callIndex: 0, argumentsHash: HASH, because: 'rule', standing: true }],
  });
  if (mode === 'return') await api.deps.turns.finish(scope, turn.id, anEnding());
  return { id: opened?.approval.id ?? '', turnId: turn.id };
}
const decide = (id: string, body: unknown): Promise<Answer> => api.request('POST', `/v1/approvals/${id}`, body);
const respond = (of: Asked, approve: boolean, more: object = {}): Promise<Answer> =>
  api.request('POST', '/v1/responses', {
    previous_response_id: of.turnId,
    input: [{ type: 'mcp_approval_response', approval_request_id: of.id, approve }],
    background: true,
    ...more,
  });

describe('approvals', () => {
  it('list and read: what is asked, and why; the response says that it waits', async () => {
    const { id, turnId } = await asked();
    const list = await api.request('GET', `/v1/approvals?status=pending&response=${turnId}`);
    expect(list.json.data.map((each) => each.id)).toEqual([id]);
    const one = await api.request('GET', `/v1/approvals/${id}`);
    expect(one.json).toMatchObject({ status: 'pending', name: 'send_mail', because: { code: 'rule' } });
    const response = await api.request('GET', `/v1/responses/${turnId}`);
    expect(response.json).toMatchObject({ status: 'in_progress', turnstone: { waiting_for: 'approval' } });
  });

  it('approve: the decision, by whom, and the turn is told; the second one: 409 with the first', async () => {
    const { id } = await asked();
    const first = await decide(id, { decision: 'approve', reason: 'fine', arguments_hash: HASH });
    expect(first.json).toMatchObject({ status: 'approved', decided_by: 'tester', origin: 'person', reason: 'fine' });
    expect(api.engine.told).toContain(id);
    const second = await decide(id, { decision: 'deny' });
    expect(second.status).toBe(409);
    expect(second.json).toMatchObject({
      error: { code: 'approval.decided' },
      approval: { status: 'approved', decided_by: 'tester' },
    });
    expect(second.json.error.message).toMatch(/approved already by tester at .* \(fine\)/);
  });

  it.each<[string, object, number, string, string | null]>([
    ['another hash', { decision: 'approve', arguments_hash: 'b'.repeat(64) }, 409, 'approval.changed', null],
    ['arguments the tool refuses', { decision: 'approve', arguments: { to: 7 } }, 400, 'request.invalid', 'arguments'],
    ['arguments of a denied call', { decision: 'deny', arguments: { to: 'a' } }, 400, 'request.invalid', 'arguments'],
    [
      'remember outside a conversation',
      { decision: 'approve', remember: 'conversation' },
      400,
      'request.invalid',
      'remember',
    ],
    ['no decision', {}, 400, 'request.invalid', 'decision'],
    ['an unknown field', { decision: 'approve', because: 'x' }, 400, 'request.invalid', 'because'],
  ])('%s: refused, and it stays open', async (_what, body, status, code, param) => {
    const { id } = await asked();
    const answer = await decide(id, body);
    expect([answer.status, answer.json.error.code, answer.json.error.param]).toEqual([status, code, param]);
    expect((await api.request('GET', `/v1/approvals/${id}`)).json.status).toBe('pending');
  });

  it('edited arguments: kept beside the ones of the model', async () => {
    const { id } = await asked();
    const answer = await decide(id, { decision: 'approve', arguments: { to: 'b@example.com' } });
    expect(answer.json).toMatchObject({ arguments: '{}', edited_arguments: '{"to":"b@example.com"}' });
  });

  it('an unknown id, another tenant, a key that may only read: 404, 404, 403', async () => {
    const { id } = await asked();
    expect((await decide('appr_0', { decision: 'approve' })).json.error.code).toBe('approval.not-found');
    const other = await api.newKey(['read', 'write'], 'other');
    const reader = await api.newKey(['read']);
    const as = (key: string): Promise<Answer> =>
      api.request('POST', `/v1/approvals/${id}`, { decision: 'approve' }, { authorization: `Bearer ${key}` });
    expect((await as(other)).status).toBe(404);
    expect((await as(reader)).status).toBe(403);
  });

  it('a message into the turn, by its own route: what waits is denied, and the turn is told', async () => {
    const { id, turnId } = await asked();
    const steer = await api.request('POST', `/v1/responses/${turnId}/steer`, {
      input: 'never mind, do something else',
    });
    expect(steer).toMatchObject({ status: 200, json: { status: 'pending' } });
    const denied = { status: 'denied', reason: expect.stringContaining('another message') as string };
    expect((await api.request('GET', `/v1/approvals/${id}`)).json).toMatchObject(denied);
  });

  it('50 decisions at once: one is taken', async () => {
    const { id } = await asked();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => decide(id, { decision: at % 2 === 0 ? 'approve' : 'deny' })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });
});

describe('mcp_approval_response', () => {
  it('while the turn waits: decides, and is answered with the same response', async () => {
    const of = await asked();
    const answer = await respond(of, false, {});
    expect([answer.status, answer.json.id]).toEqual([200, of.turnId]);
    expect((await api.deps.approvals.get(scope, of.id))?.status).toBe('denied');
    expect(api.engine.told).toContain(of.id);
  });

  it('after a turn that returned the request: decides, and the new turn goes on with it; once', async () => {
    const of = await asked('return');
    const answer = await respond(of, true);
    expect(answer.json.previous_response_id).toBe(of.turnId);
    const turn = await api.deps.turns.get(scope, answer.json.id);
    expect(turn?.settings.followUp).toEqual({ approvalIds: [of.id] });
    await api.deps.approvals.claimFollowed(scope, answer.json.id, [of.id]);
    const again = await respond(of, true);
    expect([again.status, again.json.error.code]).toEqual([409, 'approval.decided']);
  });

  it('the other decision than the one that counts: 409', async () => {
    const of = await asked('return');
    await decide(of.id, { decision: 'deny' });
    expect((await respond(of, true)).json.error.code).toBe('approval.decided');
  });

  it.each<[string, (of: Asked) => object, string]>([
    ['another response', () => ({ previous_response_id: 'resp_1' }), 'previous_response_id'],
    ['no response', () => ({ previous_response_id: null }), 'previous_response_id'],
    [
      'a message beside it',
      (of) => ({
        input: [
          { type: 'mcp_approval_response', approval_request_id: of.id, approve: true },
          { role: 'user', content: 'and?' },
        ],
      }),
      'input[1]',
    ],
    [
      'an unknown request',
      () => ({ input: [{ type: 'mcp_approval_response', approval_request_id: 'appr_0', approve: true }] }),
      'input[0].approval_request_id',
    ],
  ])('%s: refused by name, nothing is decided', async (_what, more, param) => {
    const of = await asked();
    const answer = await respond(of, true, more(of));
    expect(answer.json.error.param).toBe(param);
    expect((await api.deps.approvals.get(scope, of.id))?.status).toBe('pending');
  });

  it('a consent for the conversation: listed, ended, and then unknown', async () => {
    const { id: conversationId } = (await api.request('POST', '/v1/conversations', {})).json;
    const { id } = await asked('wait', conversationId);
    await decide(id, { decision: 'approve', remember: 'conversation' });
    const path = `/v1/conversations/${conversationId}/consents`;
    expect((await api.request('GET', path)).json.data).toMatchObject([{ id, object: 'consent', tool: 'send_mail' }]);
    const ended = await api.request('DELETE', `${path}/send_mail`);
    expect([ended.status, ended.json]).toMatchObject([200, { tool: 'send_mail', deleted: true }]);
    expect((await api.request('GET', path)).json.data).toEqual([]);
    const again = await api.request('DELETE', `${path}/send_mail`);
    expect([again.status, again.json]).toMatchObject([404, { error: { code: 'consent.not-found' } }]);
    expect((await api.request('GET', '/v1/conversations/conv_0/consents')).status).toBe(404);
  });
});
