/** Money, forks and effects on the started product, with an operator's own tools whose effects are counted outside of it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ResponseResource } from '../../domain/response-resource.js';
import { answerText, callTools } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

interface Effect {
  readonly id: string;
  readonly tool: string;
  readonly status: string;
  readonly happened: boolean | null;
  readonly undoable: boolean;
  readonly idempotency_key: string | null;
  readonly undo: {
    readonly status: string;
    readonly text: string | null;
    readonly error: { readonly message: string } | null;
  } | null;
}

const folder = mkdtempSync(join(tmpdir(), 'turnstone-effects-'));
const ledger = join(folder, 'ledger.jsonl');
const agents = join(folder, 'agents');
mkdirSync(agents);
writeFileSync(ledger, '');
writeFileSync(
  join(agents, 'general.yaml'),
  'name: general\ndescription: Acts.\ntools: [look_up, book_room, send_letter]\n',
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const done = (): Record<string, string>[] =>
  readFileSync(ledger, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, string>);

describe('money, forks and effects', () => {
  const product = sharedProduct({
    env: {
      EFFECT_LEDGER: ledger,
      TURNSTONE_AGENTS_DIR: agents,
      TURNSTONE_TOOL_MODULES: fileURLToPath(new URL('../support/effect-tools.mjs', import.meta.url)),
    },
  });
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
    (await product().call(method, path, body)).json as T;
  const turn = (body: object): Promise<ResponseResource> =>
    call('POST', '/v1/responses', { model: 'general', ...body });
  const effectsOf = async (id: string): Promise<readonly Effect[]> =>
    (await call<{ data: Effect[] }>('GET', `/v1/responses/${id}/effects`)).data;

  it(verifies('effects.undo'), async () => {
    product().provider.queue(
      callTools({ name: 'book_room', arguments: { what: 'a quiet room' } }),
      answerText('booked'),
    );
    const response = await turn({ input: 'book it' });
    const [effect] = await effectsOf(response.id);
    expect(effect).toMatchObject({
      tool: 'book_room',
      status: 'completed',
      happened: true,
      undoable: true,
      undo: null,
    });
    expect(done().at(-1)).toMatchObject({ what: 'a quiet room', key: effect?.idempotency_key });

    const path = `/v1/effects/${effect?.id ?? ''}`;
    const asked = await product().call('POST', `${path}/undo`);
    expect(asked.status).toBe(202);
    const ended = await until(async () => {
      const now = await call<Effect>('GET', path);
      return now.undo?.status === 'running' ? null : now;
    }, 'the undo has ended');
    expect(ended).toMatchObject({ undoable: false, undo: { status: 'undone', text: 'cancelled booked a quiet room' } });
    await product().call('POST', `${path}/undo`);
    const undos = done().filter((line) => line['undo'] === 'a quiet room');
    expect(undos).toHaveLength(1);
    expect(undos[0]).toMatchObject({ of: effect?.idempotency_key });
    expect(undos[0]?.['key']).not.toBe(effect?.idempotency_key);
  });

  it('undo: one the tool refuses -> failed, and says why; a tool without one -> 409', async () => {
    product().provider.queue(
      callTools(
        { name: 'book_room', arguments: { what: 'no way back' } },
        { name: 'send_letter', arguments: { what: 'hello' } },
      ),
      answerText('both'),
    );
    const response = await turn({ input: 'do both' });
    const effects = await effectsOf(response.id);
    const booked = effects.find(({ tool }) => tool === 'book_room');
    await product().call('POST', `/v1/effects/${booked?.id ?? ''}/undo`);
    const ended = await until(async () => {
      const now = await call<Effect>('GET', `/v1/effects/${booked?.id ?? ''}`);
      return now.undo?.status === 'running' ? null : now;
    }, 'the undo has ended');
    expect(ended.undo).toMatchObject({ status: 'failed', error: { message: 'The hotel keeps the booking.' } });
    const letter = effects.find(({ tool }) => tool === 'send_letter');
    expect(letter).toMatchObject({ undoable: false, idempotency_key: null });
    const refused = await product().call('POST', `/v1/effects/${letter?.id ?? ''}/undo`);
    expect(refused).toMatchObject({ status: 409, json: { error: { code: 'effect.not-undoable' } } });
    const certain = await product().call('POST', `/v1/effects/${letter?.id ?? ''}/resolve`, { happened: true });
    expect(certain).toMatchObject({ status: 409, json: { error: { code: 'effect.not-in-doubt' } } });
  });

  it(verifies('fork.recorded'), async () => {
    product().provider.queue(
      callTools({ name: 'send_letter', arguments: { what: 'a fork' } }),
      answerText('the letter is on its way'),
    );
    const original = await turn({ input: 'write to them' });
    const letters = (): number => done().filter(({ what }) => what === 'a fork').length;
    expect(letters()).toBe(1);
    const before = product().provider.requests.length;

    product().provider.queue(answerText('they moved away'));
    const item = original.output[0]?.id ?? '';
    const change = { tool_result: { call: item, output: 'returned to sender' } };
    const events = await product().stream(`/v1/responses/${original.id}/fork`, { body: { change, stream: true } });
    const last = events.at(-1);
    expect(last?.type).toBe('response.completed');
    const forked = await product().response((last as { response: ResponseResource }).response.id);
    expect(forked).toMatchObject({
      status: 'completed',
      turnstone: { forked_from: { id: original.id, step: 2, changed: ['tool_result'] } },
    });
    expect(answerOf(forked)).toBe('they moved away');
    expect(JSON.stringify(forked.output[0])).toContain('returned to sender');

    const asked = product().provider.requests.slice(before);
    expect(asked).toHaveLength(1);
    expect(JSON.stringify(asked[0]?.body.messages)).toContain('returned to sender');
    expect(letters()).toBe(1);
    expect(await effectsOf(forked.id)).toEqual([]);

    const compared = await call<object>('GET', `/v1/responses/${original.id}/compare?with=${forked.id}`);
    expect(compared).toMatchObject({
      diverges_at_step: 1,
      left: {
        answer: 'the letter is on its way',
        tools: [{ name: 'send_letter', outcome: 'completed', copied: false }],
      },
      right: { answer: 'they moved away', tools: [{ name: 'send_letter', copied: true }] },
    });
  });

  it(verifies('budgets.reserved'), async () => {
    const budget = await call<{ id: string }>('POST', '/v1/admin/budgets', { period: 'total', limit_micros: 4_000 });
    try {
      // A micro per token in, two out: each answer costs 2,000, so that the second turn still begins and the third does not.
      const costly = answerText('dear', { usage: { input: 0, output: 1_000 } });
      product().provider.queue(costly, costly);
      expect(await turn({ input: 'one' })).toMatchObject({ status: 'completed', turnstone: { cost_micros: 2_000 } });
      const limits = await call<{ budgets: object[] }>('GET', '/v1/limits');
      expect(limits.budgets).toMatchObject([
        { limit_micros: 4_000, used_micros: 2_000, held_micros: 0, left_micros: 2_000 },
      ]);
      const estimate = await call<{ turnstone: object }>('POST', '/v1/responses/input_tokens', {
        model: 'general',
        input: 'two',
      });
      expect(estimate.turnstone).toMatchObject({ model: 'fake/model', budgets_allow: true });
      const before = product().provider.requests.length;
      await Promise.all(Array.from({ length: 5 }, () => turn({ input: 'two' })));
      expect(product().provider.requests.length - before).toBe(1);
      const refused = await product().call('POST', '/v1/responses', { model: 'general', input: 'three' });
      expect(refused).toMatchObject({ status: 429, json: { error: { code: 'budget.exhausted' } } });
    } finally {
      await product().call('DELETE', `/v1/admin/budgets/${budget.id}`);
    }
  });

  it('kill -9 in the middle of a call that was reserved: after the restart the turn ends, and nothing stays held', async () => {
    const budget = await call<{ id: string }>('POST', '/v1/admin/budgets', { period: 'day', limit_micros: 10_000_000 });
    product().provider.queue(answerText('half an answer that stops', { stall: 'mid-text' }));
    const begun = await turn({ input: 'go on', background: true });
    const held = async (from = product()): Promise<number> => {
      const { json } = await from.call('GET', '/v1/limits');
      return (json as { budgets: { held_micros: number }[] }).budgets[0]?.held_micros ?? -1;
    };
    await until(async () => ((await held()) > 0 ? true : null), 'the call is reserved');
    await product().crash();
    product().provider.queue(answerText('whole'));
    const again = await product().startAgain();
    const ended = await until(
      async () => {
        const response = await again.response(begun.id);
        return response.status === 'in_progress' || response.status === 'queued' ? null : response;
      },
      'the turn has ended',
      60_000,
    );
    expect(ended.status).toBe('completed');
    expect(await held(again)).toBe(0);
    await again.call('DELETE', `/v1/admin/budgets/${budget.id}`);
  });
});
