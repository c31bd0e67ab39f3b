/**
 * Proves the gate over the whole loop of a turn: whatever the policy, the calls, the taint, the decisions and their order,
 * no call that a person must decide about is scheduled to run without an approved decision for exactly its arguments.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ApprovalState, SettledStatus } from '../../domain/approval.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { DEFAULT_POLICY, gateCall } from '../../domain/policy.js';
import type { TurnPolicy } from '../../domain/policy.js';
import type { CallModelResult, PlannedCall } from '../../domain/turn-contract.js';
import { initialTurnState } from '../../domain/turn-state.js';
import type { CallOrder } from '../../workflows/gated-calls.js';
import { runTurnLoop } from '../../workflows/turn-loop.js';
import type { TurnLoopPorts, TurnLoopResult } from '../../workflows/turn-loop.js';

interface Planned {
  readonly call: PlannedCall;
  /** What people say, and after how long; `consent` at once. */
  readonly decision: SettledStatus;
  readonly afterMs: number;
  readonly runMs: number;
}
interface Step {
  readonly tainted: boolean;
  readonly calls: readonly Planned[];
}
interface Scheduled {
  readonly step: number;
  readonly call: PlannedCall;
  readonly order: CallOrder;
  readonly tainted: boolean;
}

/** A clock that jumps to the next timer once nothing else can happen: seeded schedules in no time. */
function createVirtualClock(): {
  nowMs(): number;
  after(ms: number): Promise<void>;
  run<T>(work: Promise<T>): Promise<T>;
} {
  let now = 0;
  let timers: { at: number; go: () => void }[] = [];
  return {
    nowMs: () => now,
    after: (ms) => new Promise((resolve) => timers.push({ at: now + ms, go: resolve })),
    async run(work) {
      const state: { done: boolean } = { done: false };
      const settled = work.finally(() => {
        state.done = true;
      });
      settled.catch(() => undefined);
      for (let idle = 0; !state.done && idle < 50;) {
        await new Promise((resolve) => setImmediate(resolve));
        const [next] = timers.sort((left, right) => left.at - right.at);
        if (next === undefined) {
          idle += 1;
          continue;
        }
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.at);
        next.go();
      }
      if (!state.done) throw new Error('the loop waits for nothing');
      return settled;
    },
  };
}

async function play(
  policy: TurnPolicy,
  steps: readonly Step[],
): Promise<{ scheduled: Scheduled[]; closed: string[]; result: TurnLoopResult; elapsedMs: number }> {
  const clock = createVirtualClock();
  const scheduled: Scheduled[] = [];
  const closed: string[] = [];
  let tainted = false;
  const plannedOf = (step: number, callIndex: number): Planned | undefined => steps[step - 1]?.calls[callIndex];
  const ports: TurnLoopPorts = {
    nowMs: () => clock.nowMs(),
    async callModel(step) {
      const next = steps[step - 1];
      tainted ||= next?.tainted === true;
      const answer: CallModelResult = {
        outcome: next === undefined ? 'closed' : 'calls',
        status: next === undefined ? 'completed' : null,
        model: 'fake/model',
        calls: next?.calls.map(({ call }) => call) ?? [],
        clientCalls: 0,
        tokens: 1,
        costMicros: 0,
        ...(next?.tainted === true ? { tainted: true } : {}),
      };
      return answer;
    },
    async runTool(step, call, _remainingMs, order) {
      scheduled.push({ step, call, order, tainted });
      await clock.after(plannedOf(step, call.callIndex)?.runMs ?? 0);
      return { status: 'completed', repeatKey: `${step}/${call.callIndex}`, preview: '' };
    },
    async openApprovals(step, calls) {
      return calls.map(({ callIndex, argumentsHash, standing }) => {
        const planned = plannedOf(step, callIndex);
        if (planned?.call.argumentsHash !== argumentsHash) throw new Error('asked for other arguments');
        const approvalId = `appr_${step}_${callIndex}`;
        const state = (status: ApprovalState['status']): ApprovalState => ({ approvalId, callIndex, status });
        if (policy.approvals === 'return') return { approvalId, decided: Promise.resolve(state('pending')) };
        if (standing && planned.afterMs === 0) return { approvalId, decided: Promise.resolve(state('approved')) };
        const late = planned.afterMs >= policy.withinMs;
        const waitMs = Math.min(planned.afterMs, policy.withinMs);
        const decided = clock.after(waitMs).then(() => state(late ? 'expired' : planned.decision));
        return { approvalId, decided };
      });
    },
    close: async ({ status, incompleteReason }) => void closed.push(incompleteReason ?? status),
    shouldContinueAsNew: () => false,
    changed: () => undefined,
  };
  const loop = runTurnLoop({ limits: { ...DEFAULT_LIMITS, maxRepeats: 100 }, policy }, initialTurnState(0), ports);
  return { result: await clock.run(loop), scheduled, closed, elapsedMs: clock.nowMs() };
}

const aCall = (callIndex: number, change: Partial<PlannedCall> = {}): PlannedCall => ({
  callIndex,
  name: `tool-${callIndex}`,
  taskQueue: 'q',
  timeoutMs: 1000,
  effect: 'read',
  preview: '',
  egress: false,
  approval: 'never',
  argumentsHash: `hash-${callIndex}`,
  ...change,
});
const planned = (call: PlannedCall, change: Partial<Planned> = {}): Planned => ({
  call,
  decision: 'approved',
  afterMs: 10,
  runMs: 5,
  ...change,
});

const anyPolicy = fc.record({
  approvals: fc.constantFrom('wait', 'wait', 'return'),
  withinMs: fc.integer({ min: 1, max: 100 }),
  escalateAfterMs: fc.constant(null),
  atDeadline: fc.constantFrom('deny', 'end'),
  taint: fc.option(
    fc.record({
      writes: fc.constantFrom('allow', 'ask', 'refuse'),
      egress: fc.constantFrom('allow', 'ask', 'refuse'),
    }),
  ),
});
/** Fields may be missing, as in plans of older versions. */
const anyCallFields = fc.record(
  {
    egress: fc.boolean(),
    egressTrusted: fc.boolean(),
    approval: fc.constantFrom('never', 'ask', 'always'),
    argumentsHash: fc.constantFrom('h1', 'h2', 'h3'),
  },
  { requiredKeys: [] },
);
const anyPlanned = fc.record({
  fields: anyCallFields,
  effect: fc.constantFrom('read', 'keyed', 'unkeyed'),
  decision: fc.constantFrom('approved', 'denied', 'expired', 'cancelled'),
  afterMs: fc.integer({ min: 0, max: 120 }),
  runMs: fc.integer({ min: 0, max: 30 }),
});
const anySteps = fc.array(
  fc.record({ tainted: fc.boolean(), calls: fc.array(anyPlanned, { minLength: 1, maxLength: 4 }) }),
  {
    maxLength: 4,
  },
);

describe('gated calls', () => {
  it('any policy, calls, taint, decisions and times: no gated call runs without its own approved decision', async () => {
    let asked = 0;
    await fc.assert(
      fc.asyncProperty(anyPolicy, anySteps, async (policy, drawn) => {
        const steps = drawn.map(({ tainted, calls }): Step => ({
          tainted,
          calls: calls.map(({ fields, effect, ...rest }, callIndex) => {
            const { egress, approval, argumentsHash, ...bare } = aCall(callIndex, { effect });
            return { call: { ...bare, ...fields }, ...rest };
          }),
        }));
        const { scheduled, closed } = await play(policy, steps);
        for (const { step, call, order, tainted } of scheduled) {
          const gate = gateCall(policy, call, tainted);
          const runs =
            order.refused === null && order.blocked === null && (order.approval?.status ?? 'approved') === 'approved';
          if (gate.action === 'refuse') expect(runs).toBe(false);
          if (gate.action !== 'ask' || !runs) continue;
          asked += 1;
          expect(order.approval).toEqual({
            approvalId: `appr_${step}_${call.callIndex}`,
            callIndex: call.callIndex,
            status: 'approved',
          });
        }
        // Each call is scheduled exactly once, whatever becomes of it.
        const places = scheduled.map(({ step, call }) => `${step}/${call.callIndex}`);
        expect(new Set(places).size).toBe(places.length);
        expect(closed.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
    expect(asked).toBeGreaterThan(20);
  });

  it('two approvals: each call runs as soon as its own decision comes, beside what runs by itself', async () => {
    const slow = planned(aCall(0, { approval: 'ask' }), { afterMs: 1000 });
    const quick = planned(aCall(1, { approval: 'always' }), { afterMs: 10 });
    const free = planned(aCall(2), { runMs: 50 });
    const { scheduled, result } = await play(DEFAULT_POLICY, [{ tainted: false, calls: [slow, quick, free] }]);
    expect(scheduled.map(({ call }) => call.callIndex)).toEqual([2, 1, 0]);
    expect(result.state.toolCalls).toBe(3);
  });

  it('waiting: does not count against the wall time; work beside it does', async () => {
    const call = planned(aCall(0, { approval: 'ask' }), { afterMs: DEFAULT_LIMITS.maxWallTimeMs * 2, runMs: 7 });
    const beside = planned(aCall(1), { runMs: 100 });
    const { result, elapsedMs } = await play(DEFAULT_POLICY, [{ tainted: false, calls: [call, beside] }]);
    expect(result).toMatchObject({ kind: 'ended', status: 'completed', state: { step: 2 } });
    expect(result.state.waitedMs).toBe(elapsedMs - 100 - 7);
  });

  it.each([
    ['deny', [], 'completed'],
    ['end', ['approval_expired'], 'incomplete'],
  ] as const)(
    'a deadline that passes, at_deadline %s: the turn ends %s as %s',
    async (atDeadline, closings, status) => {
      const call = planned(aCall(0, { approval: 'ask' }), { afterMs: 5000 });
      const policy = { ...DEFAULT_POLICY, withinMs: 1000, atDeadline };
      const { scheduled, closed, result } = await play(policy, [{ tainted: false, calls: [call] }]);
      expect(scheduled.map(({ order }) => order.approval?.status)).toEqual(['expired']);
      expect(closed).toEqual(closings);
      expect(result).toMatchObject({ kind: 'ended', status });
    },
  );

  it('mode return: the turn ends with what is asked, and other calls have run', async () => {
    const calls = [planned(aCall(0, { approval: 'ask' })), planned(aCall(1))];
    const { scheduled, closed } = await play({ ...DEFAULT_POLICY, approvals: 'return' }, [{ tainted: false, calls }]);
    expect(scheduled.map(({ call, order }) => [call.callIndex, order.approval?.status])).toEqual([
      [1, undefined],
      [0, 'pending'],
    ]);
    expect(closed).toEqual(['completed']);
  });

  it('untrusted content in an earlier step: a later write is asked for', async () => {
    const policy = { ...DEFAULT_POLICY, taint: { writes: 'ask', egress: 'ask' } as const };
    const steps = [
      { tainted: true, calls: [planned(aCall(0))] },
      { tainted: false, calls: [planned(aCall(0, { effect: 'keyed' }), { decision: 'denied' })] },
    ];
    const { scheduled } = await play(policy, steps);
    expect(scheduled.map(({ order }) => order.approval?.status)).toEqual([undefined, 'denied']);
  });
});
