/** What an operator sees of a turn: in Temporal, in the log, in /metrics. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { PROGRESS_QUERY, SEARCH_ATTRIBUTES } from '../../domain/turn-contract.js';
import { answerText, callTools } from '../support/fake-provider-script.js';
import { callCodec } from '../support/remote-codec.js';
import { sharedProduct, TEST_KEY } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const REQUEST_ID = 'req-of-the-test';

/** Null while it has not begun. */
async function statusOf(handle: WorkflowHandle): Promise<string | null> {
  try {
    return (await handle.describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

describe('operators', () => {
  const product = sharedProduct();

  /** @param slow the answer takes longer than a turn runs without its workflow. */
  async function turnWithTool(slow = false): Promise<string> {
    const answer = answerText('done', slow ? { firstByteDelayMs: 3_000 } : {});
    product().provider.queue(callTools({ name: 'read_result', arguments: { id: 'tc_none' } }), answer);
    const response = await fetch(`${product().apiUrl}/v1/responses`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${product().openai.apiKey}`,
        'content-type': 'application/json',
        'x-request-id': REQUEST_ID,
      },
      body: JSON.stringify({ model: 'general', input: 'work', user: 'someone' }),
      signal: AbortSignal.timeout(60_000),
    });
    expect(response.headers.get('x-request-id')).toBe(REQUEST_ID);
    return ((await response.json()) as { id: string }).id;
  }

  async function expectReadable(handle: WorkflowHandle): Promise<void> {
    const run = await handle.describe();
    const attribute = (name: string): unknown =>
      run.typedSearchAttributes.getAll().find(({ key }) => key.name === name)?.value;
    expect(run.type).toBe('turn');
    expect(await run.staticSummary()).toMatch(/general/);
    expect(attribute(SEARCH_ATTRIBUTES.tenant)).toBe('default');
    expect(attribute(SEARCH_ATTRIBUTES.agent)).toBe('general');
    expect(attribute(SEARCH_ATTRIBUTES.outcome)).toBe('completed');
    expect(await handle.query(PROGRESS_QUERY)).toMatchObject({
      phase: 'done',
      used: { steps: 2, toolCalls: 1 },
    });
    const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toContain('| 1 | read_result |');
  }

  it('a turn that ended before its workflow began: the same record, without activities', async () => {
    const temporal = await product().temporal();
    // On a busy machine a turn may take longer than its workflow waits: then it is one of the others.
    const handle = await until(async () => {
      const run = temporal.workflow.getHandle(`turn/default/${await turnWithTool()}`);
      await until(async () => (await statusOf(run)) === 'COMPLETED', 'the workflow is closed');
      const { events } = await run.fetchHistory();
      return (events ?? []).some((event) => event.activityTaskScheduledEventAttributes) ? null : run;
    }, 'a turn that ends at once');
    await expectReadable(handle);
  });

  it(verifies('operators.temporal'), async () => {
    const id = await turnWithTool(true);
    const handle = (await product().temporal()).workflow.getHandle(`turn/default/${id}`);
    await handle.result();
    await expectReadable(handle);
    const { events } = await handle.fetchHistory();
    const scheduled = (events ?? []).filter((event) => event.activityTaskScheduledEventAttributes);
    const sealed = scheduled.flatMap((event) => event.userMetadata?.summary ?? []);
    const summaries = await callCodec(`${product().apiUrl}/codec/decode`, TEST_KEY, sealed);
    expect(summaries.map(({ data }) => Buffer.from(data ?? []).toString())).toEqual([
      '"fake/model · step 1"',
      '"read_result"',
      '"fake/model · step 2"',
    ]);
    // Encrypted, and the trail says who has looked.
    const raw = JSON.stringify(events);
    expect(raw).not.toContain(Buffer.from('read_result').toString('base64').slice(0, 12));
    const audit = (await product().call('GET', '/v1/audit?order=asc')).json as { data: { subject: string }[] };
    expect(audit.data.map(({ subject }) => subject)).toContain(`turn/default/${id}`);
  });

  it(verifies('operators.logs'), async () => {
    const id = await turnWithTool();
    const lines = (): Record<string, unknown>[] =>
      product()
        .process.log()
        .split('\n')
        .filter((line) => line.includes(id))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    await until(() => lines().some((line) => line['step'] === 2), 'the second step is in the log');
    for (const line of lines())
      expect(line).toMatchObject({ turnId: id, requestId: REQUEST_ID, tenantId: 'default', conversationId: null });
    const ofSteps = lines().filter((line) => line['msg'] === 'model call finished');
    expect(ofSteps.map((line) => [line['step'], line['attempt']])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(product().process.log()).not.toContain('secret-of-the-provider');
  });

  it(verifies('operators.metrics'), async () => {
    await turnWithTool();
    const response = await fetch(`${product().apiUrl}/metrics`, {
      headers: { authorization: `Bearer ${product().openai.apiKey}` },
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    const sum = (pattern: RegExp): number =>
      text
        .split('\n')
        .filter((line) => pattern.test(line))
        .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
    expect(sum(/^turnstone_turn_seconds_count\{.*completed/)).toBeGreaterThanOrEqual(1);
    expect(sum(/^turnstone_step_seconds_count\{/)).toBeGreaterThanOrEqual(2);
    expect(sum(/^turnstone_first_token_seconds_count\{/)).toBeGreaterThanOrEqual(1);
    expect(sum(/^turnstone_model_call_seconds_count\{.*fake\/model/)).toBeGreaterThanOrEqual(2);
    expect(sum(/^turnstone_tool_call_seconds_count\{.*read_result/)).toBeGreaterThanOrEqual(1);
    expect(sum(/^turnstone_tokens_total\{/)).toBeGreaterThan(0);
    expect(sum(/^turnstone_cost_total/)).toBeGreaterThan(0);
    expect(sum(/^turnstone_http_request_seconds_count\{.*\/v1\/responses/)).toBeGreaterThanOrEqual(1);
  });
});
