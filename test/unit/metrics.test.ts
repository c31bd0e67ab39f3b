/** Proves: each fact lands in the metric operators look for, in seconds, with bounded labels. */
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../adapters/prometheus/create-metrics.js';
import { NO_USAGE } from '../../domain/pricing.js';

const CALL = {
  model: 'openai/gpt-4o',
  outcome: 'completed',
  durationMs: 1500,
  firstTokenMs: 200,
  usage: NO_USAGE,
  costMicros: null,
};

async function sample(text: Promise<string>, name: string): Promise<number | undefined> {
  const line = (await text).split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

describe('createMetrics', () => {
  it('requests: 250 ms -> counted in seconds by route, method and status', async () => {
    const { metrics, text } = createMetrics();
    metrics.requestFinished({ route: '/v1/responses', method: 'POST', status: 200, durationMs: 250 });
    const labels = '{route="/v1/responses",method="POST",status="200"}';
    expect(await sample(text(), `turnstone_http_request_seconds_count${labels}`)).toBe(1);
    expect(await sample(text(), `turnstone_http_request_seconds_sum${labels}`)).toBe(0.25);
  });

  it('first token: 1 ms and 40 ms -> different buckets', async () => {
    const { metrics, text } = createMetrics();
    metrics.firstToken({ agent: 'general', durationMs: 1 });
    metrics.firstToken({ agent: 'general', durationMs: 40 });
    const bucket = (le: string): string => `turnstone_first_token_seconds_bucket{le="${le}",agent="general"}`;
    expect(await sample(text(), bucket('0.001'))).toBe(1);
    expect(await sample(text(), bucket('0.05'))).toBe(2);
  });

  it('streams: opened twice, closed once -> one is open', async () => {
    const { metrics, text } = createMetrics();
    metrics.streamOpened();
    metrics.streamOpened();
    metrics.streamClosed();
    expect(await sample(text(), 'turnstone_open_streams')).toBe(1);
  });

  it('model call: usage and cost -> tokens by kind, money in whole units', async () => {
    const { metrics, text } = createMetrics();
    const usage = { inputTokens: 100, cachedTokens: 40, outputTokens: 20, reasoningTokens: 5, estimated: false };
    metrics.modelCallFinished({ ...CALL, usage, costMicros: 2_500_000 });
    expect(await sample(text(), 'turnstone_tokens_total{model="openai/gpt-4o",kind="input"}')).toBe(100);
    expect(await sample(text(), 'turnstone_tokens_total{model="openai/gpt-4o",kind="reasoning"}')).toBe(5);
    expect(await sample(text(), 'turnstone_cost_total{model="openai/gpt-4o"}')).toBe(2.5);
  });

  it('labels: more model names than any configuration has -> the rest is counted as other', async () => {
    const { metrics, text } = createMetrics();
    for (let index = 0; index < 300; index += 1) metrics.modelCallFinished({ ...CALL, model: `p/m${index}` });
    expect(await sample(text(), 'turnstone_model_call_seconds_count{model="other",outcome="completed"}')).toBe(100);
  });

  it('every fact: reported once -> its metric exists, beside those of the process', async () => {
    const { metrics, text, contentType } = createMetrics();
    metrics.turnFinished({ agent: 'general', status: 'completed', durationMs: 10 });
    metrics.stepFinished({ agent: 'general', durationMs: 10 });
    metrics.retried({ activity: 'callModel', code: 'model.timeout' });
    metrics.fellBack({ from: 'a/b', to: 'c/d', code: 'model.timeout' });
    metrics.toolCallFinished({ tool: 'python', outcome: 'completed', durationMs: 5 });
    metrics.cancelled({ latencyMs: 3 });
    metrics.swept({ outcome: 'settled' });
    const exposed = await text();
    for (const name of [
      'turn_seconds',
      'step_seconds',
      'activity_retries_total',
      'model_fallbacks_total',
      'tool_call_seconds',
      'cancel_seconds',
      'swept_turns_total',
    ]) {
      expect(exposed).toMatch(new RegExp(`^turnstone_${name}(_count)?(\\{[^}]*\\})? 1$`, 'm'));
    }
    expect(exposed).toContain('process_resident_memory_bytes');
    expect(contentType).toContain('text/plain');
  });

  it('two endpoints: facts of one -> not in the other', async () => {
    const first = createMetrics();
    const second = createMetrics();
    first.metrics.streamOpened();
    expect(await sample(second.text(), 'turnstone_open_streams')).toBe(0);
  });
});
