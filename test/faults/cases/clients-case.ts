/**
 * Clients as they are: connections that drop every 200 ms and come back, readers that take a kilobyte a second, and fifty
 * equal requests in one moment.
 */
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerText } from '../../support/fake-provider-script.js';
import { auditWorld } from '../checker/audit-world.js';
import type { Violation } from '../checker/violation.js';
import { sortedJson } from '../checker/violation.js';
import type { CaseContext, CaseResult, FaultCase } from '../fault-case.js';
import { said } from '../shapes/shape.js';
import { callUntilAnswered, runClientTurn } from '../world/client.js';
import { messageWith } from '../world/turn-plan.js';
import type { World } from '../world/world.js';
import { FAULT_KEY, createWorld } from '../world/world.js';

const DROPPING = { bounded: 20, full: 200 };
const SLOW = { bounded: 40, full: 300 };
const SLOW_BYTES_PER_SECOND = 1_024;
const SLOW_READ_MS = 6_000;
/** More than the kernel's socket buffers hold several times over: with its closing events the answer is sent five times. */
const SLOW_ANSWER = 'many words '.repeat(150_000);
/**
 * Of one slow reader: its buffers and the one event that is being sent, which may be the whole answer, as text and as bytes, with
 * what was thrown away making them. Without back pressure it is all five of them, twice as much and more.
 */
const HEAP_PER_READER = 256 * 1024 + 5 * SLOW_ANSWER.length;
const EQUAL_POSTS = 50;
/** Long enough for the server to have filled every socket. */
const REHEARSAL_MS = 3_000;

interface Tried {
  readonly what: string;
  readonly violations: readonly Violation[];
}

export const clientsCase: FaultCase = {
  name: 'clients',
  proves: 'clients that drop every 200 ms, read a kilobyte a second, or send the same thing fifty times at once',
  async run(context: CaseContext): Promise<CaseResult> {
    const world = await createWorld();
    try {
      await world.start();
      const tried: Tried[] = [await equalPosts(world)];
      tried.push(...(await dropping(world, context.full ? DROPPING.full : DROPPING.bounded)));
      const slow = await slowReaders(world, context.full ? SLOW.full : SLOW.bounded);
      tried.push(slow.tried);
      const audit = await auditWorld(world, { inFlight: 0 });
      if (audit.violations.length > 0) tried.push({ what: 'what was left behind', violations: audit.violations });
      const broken = tried.filter(({ violations }) => violations.length > 0);
      return {
        passed: tried.length - broken.length,
        failed: broken,
        skipped: [],
        figures: { 'memory per slow reader': `${Math.round(slow.bytesPerReader / 1024)} KB` },
      };
    } finally {
      await world.dispose();
    }
  },
};

async function equalPosts(world: World): Promise<Tried> {
  const planId = 'plan-equal-1';
  const body = { model: 'faulty', input: messageWith({ id: planId, steps: [{ reply: said(planId) }] }), stream: true };
  const options = { apiUrl: world.apiUrl, timeoutMs: 60_000 };
  const send = (): ReturnType<typeof runClientTurn> =>
    runClientTurn({ path: '/v1/responses', body, key: 'key-of-equal-posts' }, options);
  const answers = await Promise.all(Array.from({ length: EQUAL_POSTS }, send));
  const ids = new Set(answers.map(({ id }) => id));
  const ends = new Set(answers.map(({ events }) => sortedJson(events.at(-1)?.event)));
  const asked = world.outside.log().calls.filter(({ id }) => id === planId).length;
  const other = await fetch(`${world.apiUrl()}/v1/responses`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${FAULT_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': 'key-of-equal-posts',
    },
    body: JSON.stringify({ ...body, input: 'something else', stream: false }),
  });
  await other.text();
  const problems = [
    ...(ids.size === 1 ? [] : [`${ids.size} turns`]),
    ...(ends.size === 1 ? [] : [`${ends.size} different ends`]),
    ...(asked === 1 ? [] : [`the provider was asked ${asked} times`]),
    ...(other.status === 409 ? [] : [`the key with another body was answered with ${other.status}`]),
  ];
  const what = `${EQUAL_POSTS} equal POSTs at once`;
  return { what, violations: problems.map((problem) => ({ inv: 1, where: planId, what: problem })) };
}

/** One client that stays, one that drops, on the same turn: the same bytes in the same order. */
async function dropping(world: World, pairs: number): Promise<readonly Tried[]> {
  return Promise.all(
    Array.from({ length: pairs }, async (_, index): Promise<Tried> => {
      const planId = `plan-dropping-${index}`;
      const reply = answerText(`The answer of ${planId}: ${'word '.repeat(60)}`, { chunkSize: 8, delayMs: 40 });
      const body = { model: 'faulty', input: messageWith({ id: planId, steps: [{ reply }] }), stream: true };
      const request = { path: '/v1/responses', body, key: `key-${planId}` };
      const options = { apiUrl: world.apiUrl, timeoutMs: 120_000 };
      const [steady, dropped] = await Promise.all([
        runClientTurn(request, options),
        runClientTurn(request, { ...options, dropEveryMs: 200 }),
      ]);
      const texts = [steady, dropped].map(({ events }) => events.map(({ event }) => JSON.stringify(event)));
      const problems = [
        ...(steady.gaveUp === null && dropped.gaveUp === null ? [] : [`${steady.gaveUp} ${dropped.gaveUp}`]),
        ...(texts[0]?.join('\n') === texts[1]?.join('\n') ? [] : ['the two were shown different things']),
        ...(dropped.connections > 2 ? [] : [`it connected ${dropped.connections} times only`]),
      ];
      return {
        what: `${planId}, ${dropped.connections} connections`,
        violations: problems.map((problem) => ({ inv: 3, where: planId, what: problem })),
      };
    }),
  );
}

/** Readers of one long answer that take a little at a time: the server must not keep it for each of them. */
async function slowReaders(world: World, readers: number): Promise<{ tried: Tried; bytesPerReader: number }> {
  const planId = 'plan-slow-1';
  const reply = answerText(`The answer of ${planId}: ${SLOW_ANSWER}`, { chunkSize: 2_000 });
  const body = { model: 'faulty', input: messageWith({ id: planId, steps: [{ reply }] }), background: true };
  const { json } = await callUntilAnswered(world.apiUrl, 'POST', '/v1/responses', { body });
  const { id } = json as { id: string };
  const path = `/v1/responses/${id}?stream=true`;
  await fetch(`${world.apiUrl()}${path}`, { headers: { authorization: `Bearer ${FAULT_KEY}` } }).then((all) =>
    all.text(),
  );
  // Half of them as a rehearsal: what the process takes from the system for the first ones it keeps, and is no reader's own.
  const rehearsed = Math.floor(readers / 2);
  const rehearsal = Array.from({ length: rehearsed }, () => readSlowly(new URL(world.apiUrl()), path));
  await sleep(REHEARSAL_MS);
  for (const socket of rehearsal) socket.destroy();
  const before = memoryOf(world);
  const sockets = Array.from({ length: readers }, () => readSlowly(new URL(world.apiUrl()), path));
  await sleep(SLOW_READ_MS);
  const bytesPerReader = Math.max(0, memoryOf(world) - before) / (readers - rehearsed);
  const quick = performance.now();
  await callUntilAnswered(world.apiUrl, 'GET', `/v1/responses/${id}`);
  const quickMs = performance.now() - quick;
  for (const socket of sockets) socket.destroy();
  const problems = [
    ...(bytesPerReader <= HEAP_PER_READER ? [] : [`${Math.round(bytesPerReader / 1024)} KB per reader`]),
    ...(quickMs < 2_000 ? [] : [`another request took ${Math.round(quickMs)} ms`]),
  ];
  const violations = problems.map((problem): Violation => ({ inv: 10, where: planId, what: problem }));
  return { tried: { what: `${readers} slow readers`, violations }, bytesPerReader };
}

function readSlowly(url: URL, path: string): ReturnType<typeof connect> {
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${FAULT_KEY}\r\n\r\n`);
  // Read by hand: nothing is taken from the socket between two looks.
  const timer = setInterval(() => void socket.read(SLOW_BYTES_PER_SECOND), 1_000);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

/** Resident memory of the product's process. */
function memoryOf(world: World): number {
  const status = readFileSync(`/proc/${world.product().pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
