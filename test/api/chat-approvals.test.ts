/** Proves what a client of the chat format, the official one, sees of a turn that waits for a person: what waits, and then the answer. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalEvent, settledEvent } from '../../domain/approval-event.js';
import { newId } from '../../domain/ids.js';
import type { TurnEventDraft } from '../../domain/event.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { loadResource } from '../../api/stored-response.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { aCallingStep, anAnswer, anEnding, aStepCommit, aToolItem } from '../support/turn-builders.js';
import { until } from '../support/until.js';

const scope: Scope = { tenantId: 'default', principalId: 'tester', scopes: ['read', 'write'] };
const internal = internalScope('default', 'turn');
let api: ApiFixture;
let openai: OpenAI;
beforeAll(async () => {
  api = await startApi();
  openai = api.client();
});
afterAll(() => api.close());

async function begunTurn(started: number): Promise<string> {
  await until(async () => api.engine.started.length > started, 'the turn has begun');
  return api.engine.started.at(-1)?.input.turnId ?? '';
}
const say = (turnId: string, part: string, draft: TurnEventDraft): Promise<unknown> =>
  api.deps.events.append({ tenantId: 'default', turnId }, { part, attempt: 1 }, [draft]);

/** As the activities do it: a call, the request for its approval, and the event. */
async function ask(turnId: string): Promise<string> {
  const item = aToolItem({ name: 'send_mail' });
  await api.deps.turns.commitStep(internal, aCallingStep(turnId, item));
  const call = { callIndex: 0, argumentsHash: 'a'.repeat(64), because: 'rule', standing: false } as const;
  const [opened] = await api.deps.approvals.open(internal, {
    turnId,
    step: 1,
    mode: 'wait',
    withinMs: 60_000,
    calls: [{ ...call, approvalId: newId('approval') }],
  });
  if (opened === undefined) throw new Error('nothing was opened');
  await say(turnId, 'asked', approvalEvent('requested', opened.approval));
  return opened.approval.id;
}

/** What the workflow does after the decision. */
async function goOn(turnId: string, approvalId: string): Promise<void> {
  const approval = await api.deps.approvals.get(scope, approvalId);
  if (approval === null) throw new Error('there is no such approval');
  await say(turnId, 'settled', settledEvent(approval));
  await api.deps.turns.claimStep(internal, { turnId, step: 2 });
  await api.deps.turns.commitStep(
    internal,
    aStepCommit({ turnId, step: 2, items: [anAnswer('It is sent.')], ending: anEnding() }),
  );
  const turn = await api.deps.turns.get(internal, turnId);
  if (turn === null) throw new Error('there is no such turn');
  const response = await loadResource(api.deps, internal, turn);
  await say(turnId, 'end', { type: 'response.completed', response });
}

const messages = [{ role: 'user' as const, content: 'wait for somebody' }];
const decide = (id: string): Promise<unknown> => api.request('POST', `/v1/approvals/${id}`, { decision: 'approve' });

describe('chat completions and approvals', () => {
  it('not streamed: says what waits and how to decide; sent again with its key: the answer', async () => {
    const before = api.engine.started.length;
    const headers = { 'idempotency-key': 'once' };
    const first = openai.chat.completions.create({ model: 'general', messages }, { headers });
    const turnId = await begunTurn(before);
    const approvalId = await ask(turnId);
    const waiting = await first;
    expect(waiting.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
    expect(waiting.choices[0]?.message.content).toContain(`send_mail (${approvalId})`);
    expect(waiting).toMatchObject({
      turnstone: { waiting_for: 'approval', response_id: turnId, approvals: [{ id: approvalId, tool: 'send_mail' }] },
    });
    const still = await openai.chat.completions.create({ model: 'general', messages }, { headers });
    expect(still).toMatchObject({ turnstone: { waiting_for: 'approval' } });
    await decide(approvalId);
    // Decided, but not over: the request that was decided about is not taken for a new one.
    const second = openai.chat.completions.create({ model: 'general', messages }, { headers });
    await goOn(turnId, approvalId);
    const answer = await second;
    expect(answer.choices[0]?.message.content).toBe('It is sent.');
    expect(answer).not.toHaveProperty('turnstone');
    expect(new Set(api.engine.started.slice(before).map(({ input }) => input.turnId))).toEqual(new Set([turnId]));
  });

  it('streamed: chunks say what is asked and decided, the stream goes on to the answer', async () => {
    const before = api.engine.started.length;
    const stream = openai.chat.completions.stream({ model: 'general', messages });
    const notes: unknown[] = [];
    stream.on('chunk', (chunk) => {
      if ('turnstone' in chunk) notes.push(chunk.turnstone);
    });
    const turnId = await begunTurn(before);
    const approvalId = await ask(turnId);
    await until(async () => notes.length > 0, 'the client has heard of the approval');
    await decide(approvalId);
    await goOn(turnId, approvalId);
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({ finish_reason: 'stop' });
    expect(notes).toMatchObject([
      { event: 'turnstone:approval.requested', approval: { id: approvalId, tool: 'send_mail', status: 'pending' } },
      { event: 'turnstone:approval.decided', approval: { id: approvalId, status: 'approved' } },
    ]);
  });

  it('the field turnstone: limits are taken as in responses; what the format cannot do is refused by name', async () => {
    const ask = (turnstone: object): ReturnType<ApiFixture['request']> =>
      api.request('POST', '/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }], turnstone });
    const ok = await ask({ limits: { max_steps: 2 }, on_conflict: 'queue', approvals: 'wait' });
    expect(ok.status).toBe(200);
    expect(api.engine.started.at(-1)?.input.limits.maxSteps).toBe(2);
    const refused = await ask({ approvals: 'return' });
    expect([refused.status, refused.json.error.param]).toEqual([400, 'turnstone.approvals']);
    expect((await ask({ principal: 'ben' })).json.error.param).toBe('turnstone.principal');
  });
});
