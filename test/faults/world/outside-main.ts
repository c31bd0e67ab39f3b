/**
 * Everything outside of the product, in a process of its own that no fault touches: the provider (which follows the plan in
 * the message) and the effect ledger (an HTTP sink that counts what tools did to the world). Both write what they saw to a
 * file, line by line, before they answer. `tsx outside-main.ts <log file>` prints `{"provider": port, "ledger": port}`.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeProvider } from '../../support/fake-provider.js';
import type { FakeRequest } from '../../support/fake-provider.js';
import { answerText, countsOf, errorReply } from '../../support/fake-provider-script.js';
import type { FakeReply } from '../../support/fake-provider-script.js';
import type { EffectLine, ProviderEnd, ProviderStart } from './outside-log.js';
import { findPlan } from './turn-plan.js';

const [logFile = '/dev/null'] = process.argv.slice(2);
// A world that nobody asks anything has a log too.
appendFileSync(logFile, '');
const write = (line: ProviderStart | ProviderEnd | EffectLine): void =>
  appendFileSync(logFile, `${JSON.stringify(line)}\n`);

const SUMMARY = /^Summarise the conversation/;
const attempts = new Map<string, number>();

interface Asked {
  readonly id: string;
  readonly step: number;
  replyTo(attempt: number): FakeReply;
}

function whatIsAsked({ body }: FakeRequest): Asked {
  const messages = body.messages ?? [];
  const system = messages.find(({ role }) => role === 'system')?.content;
  if (typeof system === 'string' && SUMMARY.test(system)) {
    return { id: 'summary', step: 0, replyTo: () => answerText('What was said before, in short.') };
  }
  const found = findPlan(messages);
  if (found === null) return { id: 'unplanned', step: 0, replyTo: () => errorReply(400, 'there is no plan') };
  const { plan, step } = found;
  const planned = plan.steps[step];
  const none = errorReply(400, `no step ${step} in the plan of ${plan.id}`);
  return { id: plan.id, step, replyTo: (attempt) => planned?.first?.[attempt - 1] ?? planned?.reply ?? none };
}

function respond(request: FakeRequest): FakeReply {
  const { id, step, replyTo } = whatIsAsked(request);
  const attempt = (attempts.get(`${id}/${step}`) ?? 0) + 1;
  attempts.set(`${id}/${step}`, attempt);
  const reply = replyTo(attempt);
  const usage = reply.kind === 'answer' ? countsOf(reply, JSON.stringify(request.body).length) : null;
  const n = request.index;
  write({ kind: 'provider-start', n, id, step, attempt, reply: reply.kind, usage, atMs: Date.now() });
  void request.closed.then(({ by, atMs }) => write({ kind: 'provider-end', n, by, atMs }));
  return reply;
}

interface Effect {
  readonly tool: string;
  readonly what: string;
  readonly key: string | null;
  /** Milliseconds before the effect, and between it and the answer. */
  readonly before?: number;
  readonly after?: number;
}

/** A keyed effect is applied once per key, as at any service that takes idempotency keys; the rest each time. */
const applied = new Set<string>();

async function takeEffect(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const effect = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Effect;
  await sleep(effect.before ?? 0);
  const again = effect.key !== null && applied.has(effect.key);
  if (effect.key !== null) applied.add(effect.key);
  write({ kind: 'effect', tool: effect.tool, what: effect.what, key: effect.key, again, atMs: Date.now() });
  await sleep(effect.after ?? 0);
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ done: effect.what }));
}

const provider = await startFakeProvider({ respond });
const ledger = createServer((request, response) => {
  // A file somebody links to in a message.
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('what the file says');
    return;
  }
  takeEffect(request, response).catch(() => response.destroy());
});
await new Promise<void>((resolve) => ledger.listen(0, '127.0.0.1', resolve));
process.stdout.write(
  `${JSON.stringify({ provider: provider.port, ledger: (ledger.address() as AddressInfo).port })}\n`,
);
const stop = (): void => process.exit(0);
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
// Whoever started it is gone: nobody is left to stop it.
process.stdin.on('end', stop).resume();
