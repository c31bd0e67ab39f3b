/** Forks over the API: a branch beside the turn with what it recorded; bad steps and calls named; both branches compared. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from '../support/api-fakes.js';
import type { Answer, AnswerBody, ApiFixture } from '../support/api-fakes.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const post = (path: string, body: unknown): Promise<Answer> => api.request('POST', path, body);
const create = async (body: object): Promise<AnswerBody> => (await post('/v1/responses', body)).json;

describe('fork', () => {
  it('from the first step with another prompt: a branch with the same parent, and the original as it was', async () => {
    const { id: conversation } = (await post('/v1/conversations', {})).json;
    const root = await create({ input: 'one', conversation });
    const original = await create({ input: 'two', conversation });
    const forked = await post(`/v1/responses/${original.id}/fork`, { change: { input: 'two, but better' } });
    expect(forked.status).toBe(200);
    expect(forked.json).toMatchObject({
      status: 'completed',
      previous_response_id: root.id,
      conversation: { id: conversation },
      turnstone: { forked_from: { id: original.id, step: 1, changed: ['input'] } },
    });
    expect(forked.text).toContain('You said: two, but better');
    expect((await api.request('GET', `/v1/responses/${original.id}`)).text).toContain('You said: two');
    const next = await create({ input: 'three', conversation });
    expect(next.previous_response_id).toBe(forked.json.id);
  });

  it('the workflow starts behind the copied steps, with the changed model and instructions', async () => {
    const original = await create({ input: 'call', tools: [{ type: 'function', name: 'f' }] });
    await post(`/v1/responses/${original.id}/fork`, { change: { model: 'demo/script', instructions: 'Be short.' } });
    expect(api.engine.started.at(-1)?.input).toMatchObject({
      model: 'demo/script',
      resumed: { step: 0, toolCalls: 0 },
    });
  });

  it('continued after a limit: the continuation is no fork', async () => {
    const original = await create({ input: 'limit me' });
    const forked = (await post(`/v1/responses/${original.id}/fork`, {})).json;
    expect(forked).toMatchObject({ status: 'incomplete' });
    await post(`/v1/responses/${forked.id}/continue`, {});
    expect(api.engine.started.at(-1)?.input.resumed).toBeUndefined();
  });

  it.each([
    ['a step that is not recorded', { step: 5 }, 400, 'request.invalid', 'step'],
    ['a call that is not there', { change: { tool_result: { call: 'tc_0', output: 'x' } } }, 404, 'item.not-found', 'change.tool_result.call'],
    ['a model nobody serves', { change: { model: 'nobody/none' } }, 404, 'model.not-found', 'change.model'],
    ['an unknown change', { change: { mood: 'bright' } }, 400, 'request.invalid', 'change.mood'],
  ])('%s -> refused, naming it', async (_, body, status, code, param) => {
    const original = await create({ input: 'hello' });
    expect(await post(`/v1/responses/${original.id}/fork`, body)).toMatchObject({ status, json: { error: { code, param } } });
  }); // prettier-ignore

  it('a turn that still runs -> 409; one that is not there, or another tenant’s -> 404', async () => {
    const running = await create({ input: 'wait', background: true });
    expect(await post(`/v1/responses/${running.id}/fork`, {})).toMatchObject({
      status: 409,
      json: { error: { code: 'response.still-running' } },
    });
    const theirs = { authorization: `Bearer ${await api.newKey(['write'], 'elsewhere')}` };
    const mine = await create({ input: 'mine' });
    expect((await api.request('POST', `/v1/responses/${mine.id}/fork`, {}, theirs)).status).toBe(404);
    expect(
      (await api.request('GET', `/v1/responses/${mine.id}/compare?with=${mine.id}`, undefined, theirs)).status,
    ).toBe(404);
  });
});

describe('compare', () => {
  it('two branches: both answers, where they part, what each cost', async () => {
    const original = await create({ input: 'tea' });
    const forked = (await post(`/v1/responses/${original.id}/fork`, { change: { input: 'coffee' } })).json;
    const { status, text } = await api.request('GET', `/v1/responses/${original.id}/compare?with=${forked.id}`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      object: 'response.comparison',
      diverges_at_step: 0,
      left: { id: original.id, answer: 'You said: tea', forked_from: null, steps: 1, tools: [] },
      right: { id: forked.id, answer: 'You said: coffee', forked_from: { id: original.id, step: 1 } },
    });
    const same = await api.request('GET', `/v1/responses/${original.id}/compare?with=${original.id}`);
    expect(JSON.parse(same.text)).toMatchObject({ diverges_at_step: null });
    const missing = await api.request('GET', `/v1/responses/${original.id}/compare?with=resp_0`);
    expect(missing).toMatchObject({ status: 404, json: { error: { param: 'with' } } });
  });
});
