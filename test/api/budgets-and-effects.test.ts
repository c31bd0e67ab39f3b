/** Budgets and effects over the API: what may be set, what is refused and until when, what is shown of a call and done about it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idempotencyKeyOf } from '../../activities/tool-context.js';
import type { ToolEffect } from '../../domain/tool.js';
import type { UndoInput } from '../../domain/undo-contract.js';
import { aFakeTool, createFakeModels, startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { aCallingStep, aNewTurn, anEnding, aReceipt, aToolItem } from '../support/turn-builders.js';

const PRICES = { inputPerMillionMicros: 1e6, cachedInputPerMillionMicros: 1e6, outputPerMillionMicros: 1e6 };
const undos: UndoInput[] = [];
let api: ApiFixture;
beforeAll(async () => {
  const models = createFakeModels();
  const get = (name: string): ReturnType<typeof models.get> => {
    const info = models.list().find((model) => model.name === name);
    return info === undefined ? null : ({ ...info, prices: name === 'fake/model' ? PRICES : null } as never);
  };
  api = await startApi({
    models: { ...models, get },
    tools: [aFakeTool('clock', { effect: 'keyed', undo: async () => ({ text: 'undone' }) }), aFakeTool('python')],
    undoEngine: {
      startUndo: async (input) => {
        undos.push(input);
        return 'started';
      },
    },
  });
});
afterAll(() => api.close());

const set = (body: unknown): Promise<Answer> => api.request('POST', '/v1/admin/budgets', body);

describe('budgets', () => {
  it.each([
    ['no period', { limit_micros: 5 }, 'period'],
    ['a negative limit', { period: 'day', limit_micros: -1 }, 'limit_micros'],
    ['a fraction', { period: 'day', limit_micros: 0.5 }, 'limit_micros'],
    ['not a number', '{"period":"day","limit_micros":NaN}', null],
    ['infinity', '{"period":"day","limit_micros":1e999}', 'limit_micros'],
    ['a principal that is none', { period: 'day', limit_micros: 5, principal: '../..' }, 'principal'],
    ['another period', { period: 'week', limit_micros: 5 }, 'period'],
  ])('%s -> 400, naming the field', async (_, body, param) => {
    expect(await set(body)).toMatchObject({ status: 400, json: { error: { param } } });
  });

  it('set, listed, shown to the caller, deleted; for administrators alone', async () => {
    const made = await set({ period: 'month', limit_micros: 100 });
    expect(made).toMatchObject({
      status: 200,
      json: { object: 'budget', principal: null, limit_micros: 100, used_micros: 0, left_micros: 100 },
    });
    const writer = { authorization: `Bearer ${await api.newKey(['write'])}` };
    expect((await api.request('POST', '/v1/admin/budgets', {}, writer)).status).toBe(403);
    expect((await api.request('GET', '/v1/admin/budgets', undefined, writer)).status).toBe(403);
    const limits = await api.request('GET', '/v1/limits', undefined, writer);
    expect(limits.json).toMatchObject({
      budgets: [{ id: made.json.id, left_micros: 100 }],
      turn: { max_cost_micros: 10_000_000 },
    });
    expect((await api.request('DELETE', `/v1/admin/budgets/${made.json.id}`)).status).toBe(200);
    expect((await api.request('DELETE', `/v1/admin/budgets/${made.json.id}`)).json.error.code).toBe('budget.not-found');
  });

  it('used up: a new turn -> 429 with Retry-After until the period ends; the estimate says so before', async () => {
    const { id } = (await set({ period: 'day', limit_micros: 0 })).json;
    const estimate = await api.request('POST', '/v1/responses/input_tokens', { input: 'hello' });
    expect(estimate.json).toMatchObject({
      turnstone: {
        model: 'fake/model',
        first_call_micros: { min: expect.any(Number) as number },
        budgets_allow: false,
      },
    });
    const refused = await api.request('POST', '/v1/responses', { input: 'hello' });
    expect(refused).toMatchObject({
      status: 429,
      json: { error: { code: 'budget.exhausted', type: 'rate_limit_error' } },
    });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(86_400);
    await api.request('DELETE', `/v1/admin/budgets/${id}`);
    expect((await api.request('POST', '/v1/responses', { input: 'hello' })).status).toBe(200);
  });

  it('a model without a price -> 400 with the remedy, unless the budget allows it', async () => {
    const { id } = (await set({ period: 'total', limit_micros: 1_000_000 })).json;
    const body = { input: 'hello', model: 'demo/script' };
    expect(await api.request('POST', '/v1/responses', body)).toMatchObject({
      status: 400,
      json: { error: { code: 'budget.unpriced-model', param: 'model' } },
    });
    await set({ period: 'total', limit_micros: 1_000_000, allow_unpriced: true });
    expect((await api.request('POST', '/v1/responses', body)).status).toBe(200);
    await api.request('DELETE', `/v1/admin/budgets/${id}`);
  });
});

describe('effects', () => {
  const scope = { tenantId: 'default', principalId: 'tester', scopes: ['admin' as const] };
  async function anEffect(
    name: string,
    effect: ToolEffect,
    status: 'completed' | 'outcome_unknown',
  ): Promise<[string, string]> {
    const { turn } = await api.deps.turns.accept(scope, aNewTurn());
    const item = aToolItem({ name });
    await api.deps.turns.commitStep(scope, aCallingStep(turn.id, item, { effect }));
    await api.deps.turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 });
    await api.deps.turns.commitTool(scope, aReceipt(turn.id, { status, item }));
    await api.deps.turns.finish(scope, turn.id, anEnding());
    return [turn.id, item.id];
  }

  it('a keyed call: shown with the key it ran with; undone by one workflow however often it is asked for', async () => {
    const [turnId, id] = await anEffect('clock', 'keyed', 'completed');
    const list = await api.request('GET', `/v1/responses/${turnId}/effects`);
    expect(list.json.data).toMatchObject([
      { id, tool: 'clock', status: 'completed', happened: true, undoable: true, receipt: 'noon' },
    ]);
    expect(list.json.data[0]).toMatchObject({ idempotency_key: idempotencyKeyOf({ turnId, step: 1, callIndex: 0 }) });
    const asked = await api.request('POST', `/v1/effects/${id}/undo`);
    expect(asked).toMatchObject({ status: 202, json: { undo: { status: 'running' }, undoable: false } });
    await api.request('POST', `/v1/effects/${id}/undo`);
    expect(new Set(undos.map(({ effectId }) => effectId))).toEqual(new Set([id]));
    expect(JSON.stringify(undos)).not.toContain('noon');
  });

  it('a call nobody is sure of: not undone until a person says what became of it, which they do once', async () => {
    const [, id] = await anEffect('clock', 'unkeyed', 'outcome_unknown');
    expect((await api.request('GET', `/v1/effects/${id}`)).json).toMatchObject({
      happened: null,
      undoable: false,
      idempotency_key: null,
    });
    const early = await api.request('POST', `/v1/effects/${id}/undo`);
    expect(early).toMatchObject({ status: 409, json: { error: { code: 'effect.not-undoable' } } });
    expect(early.json.error.message).toContain('/resolve');
    const resolved = await api.request('POST', `/v1/effects/${id}/resolve`, { happened: true, note: 'seen' });
    expect(resolved.json).toMatchObject({ happened: true, undoable: true, resolution: { note: 'seen', by: 'tester' } });
    const again = await api.request('POST', `/v1/effects/${id}/resolve`, { happened: false });
    expect(again.json.error.code).toBe('effect.not-in-doubt');
  });

  it('no such effect, another tenant’s, or no answer to what happened -> refused', async () => {
    const [, id] = await anEffect('clock', 'keyed', 'completed');
    const theirs = { authorization: `Bearer ${await api.newKey(['write'], 'elsewhere')}` };
    expect((await api.request('GET', `/v1/effects/${id}`, undefined, theirs)).status).toBe(404);
    expect((await api.request('POST', `/v1/effects/${id}/undo`, undefined, theirs)).status).toBe(404);
    expect((await api.request('POST', '/v1/effects/tc_0/undo')).json.error.code).toBe('effect.not-found');
    expect((await api.request('POST', `/v1/effects/${id}/resolve`, {})).json.error).toMatchObject({
      param: 'happened',
    });
  });
});
