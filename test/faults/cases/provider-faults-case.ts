/**
 * Providers as they fail: refusals with and without Retry-After, errors that pass, streams that are cut, stand still or hold
 * garbage, calls nobody could run. Each is a turn; what the provider was asked is counted outside.
 */
import type { ResponseResource } from '../../../domain/response-resource.js';
import { answer, answerText, callTools, errorReply, hang, rawEvents } from '../../support/fake-provider-script.js';
import type { FakeReply } from '../../support/fake-provider-script.js';
import { auditWorld } from '../checker/audit-world.js';
import { checkTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { CaseContext, CaseResult, FaultCase } from '../fault-case.js';
import { calls, completedWith, endedAs, said, sendTurn } from '../shapes/shape.js';
import { DOWN, fallBack, startDownProvider } from './fallback-fault.js';
import type { PlannedStep } from '../world/turn-plan.js';
import { shapeRunOf } from '../world/shape-run.js';
import type { World } from '../world/world.js';
import { createWorld } from '../world/world.js';

interface ProviderFault {
  /** Number in the fault matrix, and what it is. */
  readonly name: string;
  readonly steps: (planId: string) => readonly PlannedStep[];
  readonly expected?: (planId: string) => (stored: ResponseResource) => string | null;
  /** Requests to the provider. */
  readonly calls: number | readonly [from: number, to: number];
  /** Shortest time between its first and second request. */
  readonly waitsMs?: number;
  readonly body?: Readonly<Record<string, unknown>>;
}

const after =
  (...first: readonly FakeReply[]) =>
  (planId: string): readonly PlannedStep[] => [{ first, reply: said(planId, 0) }];
const always = (reply: FakeReply) => (): readonly PlannedStep[] => [{ reply }];
const failed = (): ((stored: ResponseResource) => string | null) => endedAs('failed');
const busy = (status: number, headers: Readonly<Record<string, string>> = {}): FakeReply =>
  errorReply(status, 'come back later', headers);
const text = 'some words that are cut in the middle of it all';
const thenAnswer =
  (...first: readonly FakeReply[]) =>
  (planId: string): readonly PlannedStep[] => [...first.map((reply) => ({ reply })), { reply: said(planId, 0) }];

const FAULTS: readonly ProviderFault[] = [
  {
    name: '43 429 with Retry-After in seconds',
    steps: after(busy(429, { 'retry-after': '3' })),
    calls: 2,
    waitsMs: 2_900,
  },
  {
    name: '43 429 with Retry-After as a date that is past',
    steps: after(busy(429, { 'retry-after': new Date(Date.UTC(2020, 0)).toUTCString() })),
    calls: 2,
  },
  { name: '43 429 without a hint', steps: after(busy(429)), calls: 2 },
  {
    name: '43 429 with Retry-After of an hour',
    steps: after(busy(429, { 'retry-after': '3600' })),
    body: { turnstone: { limits: { max_wall_time_ms: 10_000 } } },
    expected: () => endedAs('failed', 'incomplete'),
    calls: [1, 2],
  },
  ...[500, 502, 503, 529].map((status) => ({
    name: `44 ${status} twice, then an answer`,
    steps: after(busy(status), busy(status)),
    calls: 3,
  })),
  { name: '44 500 for ever', steps: always(busy(500)), expected: failed, calls: 3 },
  ...[400, 401, 413].map((status) => ({
    name: `45 ${status}: asked once`,
    steps: always(busy(status)),
    expected: failed,
    calls: 1,
  })),
  { name: '46 no first byte', steps: after(hang()), calls: 2 },
  { name: '46 stands still in the middle of a text', steps: after(answerText(text, { stall: 'mid-text' })), calls: 2 },
  ...(['mid-text', 'mid-event', 'before-finish'] as const).map((cut) => ({
    name: `47 cut ${cut}`,
    steps: after(answerText(text, { cut })),
    calls: 2,
  })),
  {
    name: '47 cut in the middle of a call: never run',
    steps: (planId) => [
      {
        first: [answer({ ...callTools({ name: 'pay', arguments: { what: `${planId}/cut` } }), cut: 'mid-tool' })],
        reply: said(planId, 0),
      },
    ],
    calls: 2,
  },
  {
    name: '47 after the finish, before the usage',
    steps: (planId) => [{ reply: { ...said(planId, 0), cut: 'before-usage' } as FakeReply }],
    calls: [1, 2],
  },
  {
    name: '48 characters split between packets',
    steps: (planId) => [{ reply: { ...said(planId, 0), packetBytes: 1 } as FakeReply }],
    calls: 1,
  },
  {
    name: '48 a chunk that is no JSON',
    steps: after(rawEvents(['{"choices": [{']), rawEvents(['{"choices": [{'])),
    calls: 3,
  },
  { name: '48 an unknown event', steps: after(rawEvents([{ hello: 'there' }])), calls: 2 },
  {
    name: '48 a line of 50 MB',
    steps: after({ kind: 'raw', parts: ['x'.repeat(1000)], repeat: 50_000 }),
    calls: [2, 3],
  },
  {
    name: '48 an answer without anything',
    steps: after(answer({})),
    expected: () => endedAs('completed', 'failed'),
    calls: [1, 3],
  },
  {
    name: '49 an unknown tool, wrong types, names of the prototype',
    steps: thenAnswer(
      callTools(
        { name: 'no_such_tool', arguments: {} },
        { name: 'look', arguments: { what: 7 } },
        { name: 'look', arguments: '{"__proto__": {"what": "x"}}' },
        { name: 'constructor', arguments: {} },
      ),
    ),
    calls: 2,
  },
  {
    name: '49 two hundred calls at once',
    steps: (planId) => [
      {
        reply: calls(
          planId,
          'many',
          Array.from({ length: 200 }, () => ({ tool: 'look' })),
        ),
      },
      { reply: said(planId, 0) },
    ],
    calls: [1, 2],
    expected: () => endedAs('completed', 'failed', 'incomplete'),
  },
  {
    name: '50 the same call for ever',
    steps: (planId) => Array.from({ length: 12 }, () => ({ reply: calls(planId, 'same', [{ tool: 'look' }]) })),
    body: { turnstone: { limits: { max_repeats: 3 } } },
    expected: () => endedAs('incomplete', 'failed'),
    calls: [3, 6],
  },
];

const TURN_TIMEOUT_MS = 60_000;
/** Short, so that a provider that says nothing costs a run seconds. The breaker is a case of its own. */
const PROVIDER = '    first_byte_timeout_ms: 2000\n    idle_timeout_ms: 2000\n    breaker_failures: 100';

export const providerFaultsCase: FaultCase = {
  name: 'provider-faults',
  proves: 'providers that refuse, fail, stall, cut and send garbage (43 to 50 and 52 of the matrix)',
  async run(context: CaseContext): Promise<CaseResult> {
    const down = await startDownProvider();
    const world = await createWorld({ provider: PROVIDER, ...down.options });
    try {
      await world.start();
      const chosen = FAULTS.filter(({ name }) => context.only?.test(name) ?? true);
      const outcomes: { fault: Pick<ProviderFault, 'name'>; violations: readonly Violation[] }[] = [];
      const queue = [...context.seed.shuffled(chosen).entries()];
      const lane = async (): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const [index, fault] = next;
          const violations = await tryOne(world, fault, `plan-provider-${index}`);
          outcomes.push({ fault, violations });
          context.say(`${violations.length === 0 ? 'held' : 'BROKEN'}: ${fault.name}`);
        }
      };
      await Promise.all([lane(), lane(), lane(), lane()]);
      const fallback = context.only?.test(DOWN) === false ? [] : await fallBack(world, down);
      outcomes.push({ fault: { name: DOWN }, violations: fallback });
      context.say(`${fallback.length === 0 ? 'held' : 'BROKEN'}: ${DOWN}`);
      const audit = await auditWorld(world, { inFlight: 0 });
      const broken = outcomes.filter(({ violations }) => violations.length > 0);
      return {
        passed: outcomes.length - broken.length,
        failed: [
          ...broken.map(({ fault, violations }) => ({ what: fault.name, violations })),
          ...(audit.violations.length === 0 ? [] : [{ what: 'what was left behind', violations: audit.violations }]),
        ],
        skipped: [],
        figures: { 'calls to the provider': audit.figures.modelCalls, 'histories replayed': audit.figures.replayed },
      };
    } finally {
      await world.dispose();
      await down.close();
    }
  },
};

async function tryOne(world: World, fault: ProviderFault, planId: string): Promise<readonly Violation[]> {
  const run = shapeRunOf(world, { tag: 'provider', nextNumber: () => 0, timeoutMs: TURN_TIMEOUT_MS, broken: [] });
  const checked = await sendTurn(run, {
    planId,
    steps: fault.steps(planId),
    expected: (fault.expected ?? completedWith)(planId),
    ...(fault.body === undefined ? {} : { body: fault.body }),
  });
  const asked = world.outside.log().calls.filter(({ id }) => id === planId);
  const violations = [...checkTurn(checked)];
  const [from, to] = typeof fault.calls === 'number' ? [fault.calls, fault.calls] : fault.calls;
  if (asked.length < from || asked.length > to) {
    violations.push({
      inv: 5,
      where: planId,
      what: `the provider was asked ${asked.length} times, not ${from} to ${to}`,
    });
  }
  const waitedMs = (asked[1]?.atMs ?? Infinity) - (asked[0]?.atMs ?? 0);
  if (fault.waitsMs !== undefined && waitedMs < fault.waitsMs) {
    violations.push({ inv: 5, where: planId, what: `asked again after ${waitedMs} ms, told to wait ${fault.waitsMs}` });
  }
  return violations;
}
