/**
 * Approvals on the started product: what a tool does to the world stands in a ledger outside of it, so that nothing that ran
 * without its approval, or twice, goes unseen.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ResponseResource } from '../../domain/response-resource.js';
import { answerText, callTools } from '../support/fake-provider-script.js';
import type { FakeToolCall } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import type { StartedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';

const folder = mkdtempSync(join(tmpdir(), 'turnstone-approvals-'));
const ledger = join(folder, 'ledger.jsonl');
writeFileSync(ledger, '');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const agent = (name: string, approvals: string): void =>
  writeFileSync(
    join(folder, `${name}.yaml`),
    `name: ${name}\ndescription: Asks.\ntools: [book_room, send_letter]\napprovals: ${approvals}\n`,
  );
agent('general', '{ effects: { keyed: ask, unkeyed: always } }');
agent('hasty', '{ effects: { keyed: ask }, within: 1s }');
agent(
  'picky',
  '{ effects: { keyed: ask }, arguments: [{ tool: book_room, when: [{ path: what, starts_with: small }], rule: never }] }',
);

const effects = (): string[] =>
  readFileSync(ledger, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { what: string }).what);
const book = (what: string): FakeToolCall => ({ name: 'book_room', arguments: { what } });
const send = (what: string): FakeToolCall => ({ name: 'send_letter', arguments: { what } });

interface Approval {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly arguments: string;
  readonly arguments_hash: string;
}

describe('approvals', () => {
  const first = sharedProduct({
    env: {
      TURNSTONE_AGENTS_DIR: folder,
      TURNSTONE_TOOL_MODULES: fileURLToPath(new URL('../support/effect-tools.mjs', import.meta.url)),
      EFFECT_LEDGER: ledger,
    },
  });
  let again: StartedProduct | null = null;
  const product = (): StartedProduct => again ?? first();

  /** Asks; answers when the turn has ended or waits. */
  async function ask(
    calls: readonly FakeToolCall[],
    body: object = {},
    answers = [answerText('done')],
  ): Promise<ResponseResource> {
    product().provider.queue(callTools(...calls), ...answers);
    const request = { model: 'general', input: 'please', ...body };
    const { status, json } = await product().call('POST', '/v1/responses', request);
    expect(status).toBe(200);
    return json as ResponseResource;
  }
  async function pendingOf(id: string): Promise<readonly Approval[]> {
    const { json } = await product().call('GET', `/v1/approvals?status=pending&order=asc&response=${id}`);
    return (json as { data: Approval[] }).data;
  }
  const decide = (id: string, body: object): ReturnType<StartedProduct['call']> =>
    product().call('POST', `/v1/approvals/${id}`, body);
  const ended = (id: string): Promise<ResponseResource> =>
    until(
      async () => {
        const response = await product().response(id);
        return response.status === 'in_progress' ? null : response;
      },
      `the end of ${id}`,
      30_000,
    );
  const toldTo = (): string => JSON.stringify(product().provider.requests.at(-1)?.body.messages ?? []);

  it('approve: the call waits, runs once when it is approved, and the turn goes on', async () => {
    const waiting = await ask([book('room 1')]);
    expect(waiting).toMatchObject({ status: 'in_progress', turnstone: { waiting_for: 'approval' } });
    expect(waiting.output.map((item) => item.type)).toEqual(['turnstone:tool_call', 'mcp_approval_request']);
    expect(effects()).not.toContain('room 1');
    const [approval] = await pendingOf(waiting.id);
    expect(
      (await decide(approval?.id ?? '', { decision: 'approve', arguments_hash: approval?.arguments_hash })).status,
    ).toBe(200);
    const response = await ended(waiting.id);
    expect([response.status, answerOf(response)]).toEqual(['completed', 'done']);
    expect(effects().filter((what) => what === 'room 1')).toHaveLength(1);
  });

  it('deny: nothing happens, and the model is told why', async () => {
    const waiting = await ask([send('letter 1')]);
    const [approval] = await pendingOf(waiting.id);
    await decide(approval?.id ?? '', { decision: 'deny', reason: 'too expensive' });
    expect((await ended(waiting.id)).status).toBe('completed');
    expect(toldTo()).toContain('too expensive');
    expect(effects()).not.toContain('letter 1');
  });

  it('edit: the call runs with what the person wrote, and with nothing else', async () => {
    const waiting = await ask([book('room 2')]);
    const [approval] = await pendingOf(waiting.id);
    const bad = await decide(approval?.id ?? '', { decision: 'approve', arguments: { where: 'here' } });
    expect(bad.status).toBe(400);
    await decide(approval?.id ?? '', { decision: 'approve', arguments: { what: 'room 3' } });
    await ended(waiting.id);
    expect(effects()).toContain('room 3');
    expect(effects()).not.toContain('room 2');
  });

  it('a deadline that passes: the call is not run, the turn goes on and says so', async () => {
    const waiting = await ask([book('room 4')], { model: 'hasty' });
    const response = await ended(waiting.id);
    expect(response.status).toBe('completed');
    expect(toldTo()).toContain('before its deadline');
    const { json } = await product().call('GET', `/v1/approvals?response=${waiting.id}`);
    expect((json as { data: Approval[] }).data.map((each) => each.status)).toEqual(['expired']);
    expect(effects()).not.toContain('room 4');
  });

  it('an argument rule that lets through: runs at once', async () => {
    const response = await ask([book('small room')], { model: 'picky' });
    expect(response.status).toBe('completed');
    expect(effects()).toContain('small room');
  });

  it('two approvals: each call runs as soon as its own is decided', async () => {
    const waiting = await ask([book('room 5'), book('room 6')]);
    const pending = await pendingOf(waiting.id);
    const one = pending.find((each) => each.arguments.includes('room 5'));
    const two = pending.find((each) => each.arguments.includes('room 6'));
    await decide(two?.id ?? '', { decision: 'approve' });
    await until(() => effects().includes('room 6'), 'the booking of room 6', 20_000);
    expect(effects()).not.toContain('room 5');
    expect(await pendingOf(waiting.id)).toHaveLength(1);
    await decide(one?.id ?? '', { decision: 'deny' });
    expect((await ended(waiting.id)).status).toBe('completed');
    expect(effects()).not.toContain('room 5');
  });

  it('cancel while it waits: the approval is withdrawn', async () => {
    const waiting = await ask([book('room 7')], {}, []);
    const [approval] = await pendingOf(waiting.id);
    await product().call('POST', `/v1/responses/${waiting.id}/cancel`);
    expect((await ended(waiting.id)).status).toBe('cancelled');
    expect((await decide(approval?.id ?? '', { decision: 'approve' })).status).toBe(409);
    expect(effects()).not.toContain('room 7');
  });

  it('50 decisions at once: one counts', async () => {
    const waiting = await ask([send('letter 2')]);
    const [approval] = await pendingOf(waiting.id);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => decide(approval?.id ?? '', { decision: 'approve' })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
    await ended(waiting.id);
    expect(effects().filter((what) => what === 'letter 2')).toHaveLength(1);
  });

  it('the OpenAI way while it waits: mcp_approval_response is answered with the same response', async () => {
    const waiting = await ask([book('room 8')]);
    const request = waiting.output.find((item) => item.type === 'mcp_approval_request');
    const response = await product().openai.responses.create({
      model: 'general',
      previous_response_id: waiting.id,
      input: [{ type: 'mcp_approval_response', approval_request_id: request?.id ?? '', approve: true }],
    });
    expect([response.id, response.status, response.output_text]).toEqual([waiting.id, 'completed', 'done']);
    expect(effects().filter((what) => what === 'room 8')).toHaveLength(1);
  });

  it('the OpenAI way, returned: the turn ends with the request, a new one goes on with the call', async () => {
    const asked = await ask([book('room 9')], { turnstone: { approvals: 'return' } });
    expect(asked.status).toBe('completed');
    const request = asked.output.find((item) => item.type === 'mcp_approval_request');
    expect(effects()).not.toContain('room 9');
    const response = await product().openai.responses.create({
      model: 'general',
      previous_response_id: asked.id,
      input: [{ type: 'mcp_approval_response', approval_request_id: request?.id ?? '', approve: true }],
    });
    expect(response.id).not.toBe(asked.id);
    expect([response.status, response.output_text]).toEqual(['completed', 'done']);
    expect(effects().filter((what) => what === 'room 9')).toHaveLength(1);
    expect(toldTo()).toContain('booked room 9');
  });

  it('kill -9 while it waits: the turn still waits, and goes on when it is approved', async () => {
    const waiting = await ask([send('letter 3')]);
    const [approval] = await pendingOf(waiting.id);
    await product().crash();
    again = await product().startAgain();
    expect((await product().response(waiting.id)).turnstone.waiting_for).toBe('approval');
    expect((await decide(approval?.id ?? '', { decision: 'approve' })).status).toBe(200);
    const response = await ended(waiting.id);
    expect([response.status, answerOf(response)]).toEqual(['completed', 'done']);
    expect(effects().filter((what) => what === 'letter 3')).toHaveLength(1);
  });
});
