/**
 * The provider of the benchmark, as a process of its own: answers at once. A message "two tools" is answered with two
 * parallel calls of `read_result` first, and "N steps" with one call in each of N - 1 steps.
 */
import { startFakeProvider } from '../../test/support/fake-provider.js';
import type { FakeRequest } from '../../test/support/fake-provider.js';
import { answerText, callTools } from '../../test/support/fake-provider-script.js';
import type { FakeReply } from '../../test/support/fake-provider-script.js';

/** About 50 tokens. */
const ANSWER =
  'A turn is answered or fails visibly, exactly once, whatever process dies meanwhile; this sentence is here '.repeat(
    2,
  );

function reply(request: FakeRequest): FakeReply {
  const messages = request.body.messages ?? [];
  const lastUser = messages.findLastIndex((message) => message.role === 'user');
  const steps = messages.slice(lastUser).filter((message) => message.role === 'assistant').length;
  const asked = JSON.stringify(messages[lastUser]?.content ?? '');
  const call = (id: string): { name: string; arguments: object } => ({ name: 'read_result', arguments: { id } });
  if (asked.includes('two tools') && steps === 0) return callTools(call('tc_a'), call('tc_b'));
  const wanted = Number(/(\d+) steps/.exec(asked)?.[1] ?? 0);
  if (steps < wanted - 1) return callTools(call(`tc_${steps}`));
  return answerText(ANSWER);
}

const provider = await startFakeProvider({ respond: reply });
process.stdout.write(`${JSON.stringify({ port: provider.port })}\n`);
process.once('SIGTERM', () => void provider.close().then(() => process.exit(0)));
