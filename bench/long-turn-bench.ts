/** `npm run bench -- long-turn`: 500 tool calls in one turn, over a conversation of 200,000 tokens. */
import { startBenchProduct, startProvider } from './support/bench-product.js';
import { cpuBetween, cpuTime, residentBytes } from './support/process-figures.js';
import { atMost, fact, show } from './support/report.js';
import type { BenchReport } from './support/report.js';
import { createTurnClient } from './support/turn-client.js';
import { startBareWorker } from './turn/bare-worker.js';
import { closedHistoryBytes } from './turn/measure-history.js';

const STEPS = 251;
const CALLS_PER_STEP = 2;
/** Four characters each: with a common word that is about what tokenisers say too. */
const CONVERSATION_TOKENS = 200_000;
const MESSAGES = 40;
const HISTORY_BOUND_MB = 5;

const CONFIG = 'limits: { max_steps: 400, max_tool_calls: 1000, max_tokens: 1000000000 }';

export async function benchLongTurn(): Promise<BenchReport> {
  const provider = await startProvider();
  const product = await startBenchProduct(provider.url, { model: ', context_window: 1000000', config: CONFIG });
  const bare = await startBareWorker(product.temporalAddress);
  const client = createTurnClient(product.apiUrl, [product.adminKey]);
  try {
    const conversation = await makeConversation(product.apiUrl, product.adminKey);
    const before = cpuTime(product.pid());
    const turn = await client.turn(`${STEPS} steps of ${CALLS_PER_STEP} calls`, 0, { conversation });
    const bytes = await closedHistoryBytes(bare.client, { turnId: turn.responseId, conversationId: conversation });
    const cpu = cpuBetween(before, cpuTime(product.pid()));
    const calls = (STEPS - 1) * CALLS_PER_STEP;
    return {
      rows: [
        fact(
          `turn of ${calls} tool calls in ${STEPS} model steps`,
          `completed in ${show(turn.totalMs / 1000)} s`,
          'must finish',
        ),
        atMost('its history in Temporal, all runs together', bytes / 1_000_000, HISTORY_BOUND_MB, 'MB'),
        fact('processor time of the product per step', `${show(cpu.total / STEPS)} ms`, 'main thread and database'),
        fact('memory of the product afterwards', `${show(residentBytes(product.pid()) / 1_000_000)} MB`),
      ],
      series: { totalMs: turn.totalMs, historyBytes: bytes, cpuPerStepMs: cpu.total / STEPS },
    };
  } finally {
    await client.close();
    await bare.stop();
    await product.stop();
    await provider.stop();
  }
}

/** Messages of both sides, put in by hand. */
async function makeConversation(apiUrl: string, key: string): Promise<string> {
  const post = async (path: string, body: object): Promise<{ readonly id: string }> => {
    const response = await fetch(`${apiUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const made = (await response.json()) as { readonly id: string };
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status} ${JSON.stringify(made)}`);
    return made;
  };
  const { id } = await post('/v1/conversations', {});
  const text = 'word'.padEnd(5).repeat(Math.ceil((CONVERSATION_TOKENS * 4) / MESSAGES / 5));
  for (let message = 0; message < MESSAGES; message += 1) {
    const role = message % 2 === 0 ? 'user' : 'assistant';
    const type = role === 'user' ? 'input_text' : 'output_text';
    await post(`/v1/conversations/${id}/items`, { items: [{ type: 'message', role, content: [{ type, text }] }] });
  }
  return id;
}
