/**
 * The provider of the benchmarks, as a process of its own. What it does stands in the last user message:
 *
 *   "two tools"              two parallel calls of `read_result`, then the answer
 *   "N steps"                one call in each of N - 1 steps, then the answer
 *   "N steps of K calls"     the same with K calls each
 *   "after N ms"             the answer, N ms later
 *   "drip"                   a long answer, a few words each 20 ms
 *   anything else            the answer, at once
 *
 * Writes a line of JSON for each answer that its caller closed before the end: `{"closedAtMs": …, "asked": …}`.
 */
import { startFakeProvider } from '../../test/support/fake-provider.js';
import type { FakeRequest } from '../../test/support/fake-provider.js';
import { answerText, callTools } from '../../test/support/fake-provider-script.js';
import type { FakeReply, FakeToolCall } from '../../test/support/fake-provider-script.js';

/** About 50 tokens. */
const ANSWER =
  'A turn is answered or fails visibly, exactly once, whatever process dies meanwhile; this sentence is here '.repeat(
    2,
  );
/** Streams for longer than any benchmark looks at it. */
const LONG_ANSWER = ANSWER.repeat(40);

/** The end of what was asked is enough to tell requests apart. */
const MARK_CHARS = 100;

function lastUserText({ body }: FakeRequest): string {
  const last = (body.messages ?? []).findLast((message) => message.role === 'user');
  return JSON.stringify(last?.content ?? '');
}

const call = (id: string): FakeToolCall => ({ name: 'read_result', arguments: { id } });

function reply(request: FakeRequest): FakeReply {
  const messages = request.body.messages ?? [];
  const lastUser = messages.findLastIndex((message) => message.role === 'user');
  const steps = messages.slice(lastUser).filter((message) => message.role === 'assistant').length;
  const asked = lastUserText(request);
  return callsFor(asked, steps) ?? answerFor(asked);
}

/** Null: enough was called. */
function callsFor(asked: string, stepsDone: number): FakeReply | null {
  if (asked.includes('two tools')) return stepsDone === 0 ? callTools(call('tc_a'), call('tc_b')) : null;
  const [, wanted = '0', calls = '1'] = /(\d+) steps(?: of (\d+) calls)?/.exec(asked) ?? [];
  if (stepsDone >= Number(wanted) - 1) return null;
  return callTools(...Array.from({ length: Number(calls) }, (_none, index) => call(`tc_${stepsDone}_${index}`)));
}

function answerFor(asked: string): FakeReply {
  if (asked.includes('drip')) return answerText(LONG_ANSWER, { chunkSize: 24, delayMs: 20 });
  const [, afterMs = '0'] = /after (\d+) ms/.exec(asked) ?? [];
  return answerText(ANSWER, { firstByteDelayMs: Number(afterMs) });
}

const provider = await startFakeProvider({
  respond(request) {
    void request.closed.then(({ by, atMs }) => {
      if (by !== 'client') return;
      process.stdout.write(
        `${JSON.stringify({ closedAtMs: atMs, asked: lastUserText(request).slice(-MARK_CHARS) })}\n`,
      );
    });
    return reply(request);
  },
});
process.stdout.write(`${JSON.stringify({ port: provider.port })}\n`);
process.once('SIGTERM', () => void provider.close().then(() => process.exit(0)));
