/** A second message while a turn runs: it waits its turn, or joins the one that runs. */
import { callUntilAnswered } from '../world/client.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import { calls, completedWith, newPlanId, said, sendTurn } from './shape.js';
import type { Shape, ShapeRun } from './shape.js';

async function newConversation({ apiUrl }: ShapeRun): Promise<string> {
  const { json } = await callUntilAnswered(apiUrl, 'POST', '/v1/conversations', { body: {} });
  return (json as { id: string }).id;
}

export const queueShape: Shape = {
  name: 'queue',
  async run(run) {
    const conversation = await newConversation(run);
    const [first, second] = [newPlanId(run), newPlanId(run)];
    const waiting: Promise<CheckedTurn>[] = [];
    const before = await sendTurn(run, {
      planId: first,
      steps: [{ reply: said(first, 60) }],
      body: { conversation },
      expected: completedWith(first),
      onEvent: (event) => {
        if (event.type !== 'response.output_text.delta' || waiting.length > 0) return;
        const body = { conversation, turnstone: { on_conflict: 'queue' } };
        const steps = [{ reply: said(second) }];
        waiting.push(sendTurn(run, { planId: second, steps, body, expected: completedWith(second) }));
      },
    });
    return [before, ...(await Promise.all(waiting))];
  },
};

/** The message is in the conversation once, whether the turn read it or it came too late and became one of its own. */
export const steerShape: Shape = {
  name: 'steer',
  async run(run) {
    const conversation = await newConversation(run);
    const planId = newPlanId(run);
    const words = `please hurry, ${planId}`;
    const sent: Promise<unknown>[] = [];
    const found: { problem: string | null } = { problem: null };
    const answered = completedWith(planId);
    const checked = await sendTurn(run, {
      planId,
      // As many answers as there may be turns and steps: it may have to go on for the message, or the message be alone.
      steps: [{ reply: calls(planId, 'first', [{ tool: 'look', after: 600 }]) }, ...many(3, { reply: said(planId) })],
      body: { conversation },
      onEvent: (event) => {
        if (event.type !== 'response.output_item.added' || sent.length > 0) return;
        const body = {
          model: 'faulty',
          conversation,
          input: words,
          background: true,
          turnstone: { on_conflict: 'steer' },
        };
        const options = { body, key: `steer-of-${planId}`, timeoutMs: run.timeoutMs };
        sent.push(callUntilAnswered(run.apiUrl, 'POST', '/v1/responses', options));
      },
      expected: (stored) => {
        // Where the turn goes on for the message it answers twice.
        const status = stored.status === 'completed' ? null : answered(stored);
        return status ?? found.problem;
      },
    });
    await Promise.all(sent);
    found.problem = await timesSaid(run, conversation, words);
    return [checked];
  },
};

const many = <T>(count: number, what: T): readonly T[] => Array.from({ length: count }, () => what);

async function timesSaid(run: ShapeRun, conversation: string, words: string): Promise<string | null> {
  const deadline = Date.now() + run.timeoutMs;
  for (;;) {
    const { json } = await callUntilAnswered(run.apiUrl, 'GET', `/v1/conversations/${conversation}/items?limit=100`);
    const { data } = json as { data: readonly { type: string; role?: string }[] };
    const times = data.filter((item) => item.role === 'user' && JSON.stringify(item).includes(words)).length;
    if (times === 1) return null;
    // One that came too late is a turn of its own, which becomes part of the conversation when it ends.
    if (times > 1 || Date.now() > deadline) return `the second message is in the conversation ${times} times`;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
