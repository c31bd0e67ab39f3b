/** Conversations: found by content, archived, moved between tenants, continued after a limit; trees stay trees. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../domain/failures.js';
import { startApi } from '../support/api-fakes.js';
import type { Answer, AnswerBody, ApiFixture } from '../support/api-fakes.js';
import { until } from '../support/until.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const post = (path: string, body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  api.request('POST', path, body, headers);
const get = (path: string, headers?: Record<string, string>): Promise<Answer> =>
  api.request('GET', path, undefined, headers);
const create = async (body: object): Promise<AnswerBody> => (await post('/v1/responses', body)).json;

describe('list', () => {
  it('q finds by content, with a snippet; archived ones are apart', async () => {
    const { id } = (await post('/v1/conversations', { title: 'Rivers' })).json;
    await create({ input: 'the Danube flows east', conversation: id });
    const hits = (await get('/v1/conversations?q=danube')).json;
    expect(hits).toMatchObject({
      object: 'list',
      first_id: id,
      last_id: id,
      has_more: false,
      data: [{ id, title: 'Rivers' }],
    });
    expect(hits.data[0]!.snippet).toContain('**Danube**');
    expect((await post(`/v1/conversations/${id}/archive`, {})).json.archived).toBe(true);
    expect((await get('/v1/conversations?q=danube')).json.data).toEqual([]);
    expect((await get('/v1/conversations?archived=true')).json.data[0]!.id).toBe(id);
    expect((await post(`/v1/conversations/${id}/archive`, { archived: false })).json.archived).toBe(false);
    expect((await post(`/v1/conversations/${id}`, { title: null })).json.title).toBeNull();
  });

  it('pages follow each other without gaps', async () => {
    for (let index = 0; index < 5; index += 1) await post('/v1/conversations', {});
    const all = (await get('/v1/conversations?limit=100')).json.data;
    const paged: string[] = [];
    for (let after = '', more = true; more;) {
      const page = (await get(`/v1/conversations?limit=2${after}`)).json;
      paged.push(...page.data.map((entry) => entry.id));
      after = `&after=${page.last_id}`;
      more = page.has_more;
    }
    expect(paged).toEqual(all.map((entry) => entry.id));
  });
});

describe('export and import', () => {
  it('into another tenant: the same turns and items under new ids, without who owned them or the agent’s instructions', async () => {
    const { id } = (await post('/v1/conversations', { title: 'Moving', metadata: { a: 'b' } })).json;
    const first = await create({ input: 'reason first', conversation: id });
    await create({ input: 'branch a', previous_response_id: first.id });
    await create({
      input: 'branch b',
      previous_response_id: first.id,
      text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' } } },
    });
    const exported = await get(`/v1/conversations/${id}/export`);
    expect(exported.headers.get('content-disposition')).toContain(`${id}.json`);
    expect(exported.text).not.toMatch(/tester|Be helpful|tenantId/);
    const other = { authorization: `Bearer ${await api.newKey(['write'], 'elsewhere')}` };
    const imported = await post('/v1/conversations/import', exported.json, other);
    expect(imported).toMatchObject({
      status: 201,
      json: { object: 'conversation', title: 'Moving', metadata: { a: 'b' } },
    });
    expect(imported.json.id).not.toBe(id);
    const again = (await get(`/v1/conversations/${imported.json.id}/export`, other)).json;
    // What comes out of a file is marked: nobody on this server said or made it. Nor does it bring rules for what may run.
    const changed = new Set(['id', 'parentId', 'turnstone_origin', 'policy', 'taint', 'approvalRules']);
    const strip = (file: AnswerBody): unknown =>
      JSON.parse(JSON.stringify(file.turns, (name, value: unknown) => (changed.has(name) ? undefined : value)));
    expect(strip(again)).toEqual(strip(exported.json));
    const items = (await get(`/v1/conversations/${imported.json.id}/items?order=asc`, other)).json.data;
    expect(items.map((item) => item.type)).toEqual(['message', 'reasoning', 'message', 'message', 'message']);
  });

  it('anything that is no export -> 400 naming what is wrong', async () => {
    expect((await post('/v1/conversations/import', { object: 'x' })).json.error).toMatchObject({
      code: 'request.invalid',
      param: 'object',
    });
    const { id } = (await post('/v1/conversations', {})).json;
    await create({ input: 'a', conversation: id });
    const file = (await get(`/v1/conversations/${id}/export`)).json;
    file.turns[0]!.turn.status = 'in_progress';
    expect((await post('/v1/conversations/import', file)).json.error).toMatchObject({ param: 'turns[0].turn.status' });
  });
});

describe('a tree of turns', () => {
  it('previous_response_id alone stays in the conversation, as a branch; the next message follows the newest', async () => {
    const { id } = (await post('/v1/conversations', {})).json;
    const first = await create({ input: 'one', conversation: id });
    await create({ input: 'two', conversation: id });
    const branch = await create({ input: 'two again', previous_response_id: first.id });
    expect(branch).toMatchObject({ conversation: { id }, previous_response_id: first.id });
    const next = await create({ input: 'three', conversation: id });
    expect(next.previous_response_id).toBe(branch.id);
    expect((await get(`/v1/conversations/${id}/items`)).text).not.toContain('"two"');
  });

  it('items added by hand answer a call of the turn before', async () => {
    const { id } = (await post('/v1/conversations', {})).json;
    const asked = await create({ input: 'call', conversation: id, tools: [{ type: 'function', name: 'f' }] });
    const call_id = asked.output[0]!.call_id;
    expect(
      (
        await post(`/v1/conversations/${id}/items`, {
          items: [{ type: 'function_call_output', call_id, output: 'ok' }],
        })
      ).status,
    ).toBe(200);
    const refused = await post(`/v1/conversations/${id}/items`, {
      items: [{ type: 'function_call_output', call_id: 'no', output: 'x' }],
    });
    expect(refused.json.error).toMatchObject({ param: 'items[0].call_id' });
  });

  it('item_reference: to an item of the path -> taken and not repeated; to nothing -> 404', async () => {
    const first = await create({ input: 'one' });
    const reference = { type: 'item_reference', id: first.output[0]!.id };
    const second = await create({
      input: [reference, { role: 'user', content: 'two' }],
      previous_response_id: first.id,
    });
    expect((await get(`/v1/responses/${second.id}/input_items`)).json.data).toHaveLength(3);
    const lost = await post('/v1/responses', { input: [reference, { role: 'user', content: 'two' }] });
    expect(lost).toMatchObject({ status: 404, json: { error: { code: 'item.not-found', param: 'input[0].id' } } });
  });
});

describe('continue', () => {
  it('after a limit: a new turn under the old one with fresh limits; otherwise 409', async () => {
    const stopped = await create({ input: 'limit me', turnstone: { limits: { max_steps: 1 } } });
    expect(stopped).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_steps' } });
    const next = (await post(`/v1/responses/${stopped.id}/continue`, { limits: { max_steps: 7 } })).json;
    expect(next).toMatchObject({ status: 'completed', previous_response_id: stopped.id });
    expect(api.engine.started.at(-1)?.input.limits.maxSteps).toBe(7);
    const refused = await post(`/v1/responses/${next.id}/continue`, {});
    expect(refused).toMatchObject({ status: 409, json: { error: { code: 'response.not-continuable' } } });
  });
});

describe('accepting', () => {
  it('an engine that is away for a moment -> the turn is started again and answered', async () => {
    api.engine.failStarts(failure('engine.unavailable', 'away'));
    const pending = create({ input: 'patience' });
    await until(() => api.engine.refusals() > 0, 'a refused start');
    api.engine.failStarts(null);
    expect(await pending).toMatchObject({ status: 'completed' });
  });

  it('the start carries ids, limits and a summary, and nothing of the conversation', async () => {
    await create({ input: 'top secret words' });
    const start = api.engine.started.at(-1);
    expect(start).toMatchObject({
      agent: 'general',
      model: 'fake/model',
      principalId: 'tester',
      summary: 'general · fake/model',
    });
    expect(JSON.stringify(start)).not.toContain('secret');
  });
});
