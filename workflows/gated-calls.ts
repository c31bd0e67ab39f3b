/**
 * One batch of calls through the gate: what may run begins at once, what a person must decide runs as soon as it is decided,
 * each by itself. Without Temporal: it gets what it may do as functions. Runs in the workflow sandbox: no Node, no clock but
 * the one it is given.
 */
import type { ApprovalState, CallToApprove } from '../domain/approval.js';
import type { LimitReason, TurnLimits } from '../domain/limits.js';
import { gateCall } from '../domain/policy.js';
import type { GateReason, TurnPolicy } from '../domain/policy.js';
import type { PlannedCall, RunToolResult, TurnLoopState } from '../domain/turn-contract.js';
import { admitCalls, remainingMs } from '../domain/turn-state.js';

/** Why a call is scheduled although it will not run, or by whose decision it will; all null: it runs by itself. */
export interface CallOrder {
  readonly refused: LimitReason | null;
  readonly blocked: GateReason | null;
  readonly approval: ApprovalState | null;
  /** What the gate was asked with. */
  readonly tainted: boolean;
}

/** An approval that was asked for, and the promise of its decision. */
export interface AskedApproval {
  readonly approvalId: string;
  /** Resolves with anything but `pending`, but for a turn that does not wait: then at once with what there is. */
  readonly decided: Promise<ApprovalState>;
}

export interface GatedCallPorts {
  nowMs(): number;
  runTool(step: number, call: PlannedCall, remainingMs: number, order: CallOrder): Promise<RunToolResult>;
  /** Ask for decisions. @returns one per call, in their order. */
  openApprovals(step: number, calls: readonly NamedCall[]): Promise<readonly AskedApproval[]>;
}

export interface NamedCall extends CallToApprove {
  readonly name: string;
}

export interface CallBatch {
  readonly results: readonly RunToolResult[];
  /** Time in which nothing ran and only decisions were waited for. */
  readonly waitedMs: number;
  /** What was decided or, where the turn does not wait, is still pending. */
  readonly decisions: readonly ApprovalState[];
}

function asPlanned(state: TurnLoopState): CallOrder {
  return { refused: null, blocked: null, approval: null, tainted: state.tainted === true };
}

interface Batch {
  readonly limits: TurnLimits;
  readonly state: TurnLoopState;
  readonly ports: GatedCallPorts;
  readonly clock: WaitClock;
}

/** The gate: limits and policy are checked here, right before anything is scheduled. */
export async function runGatedCalls(
  limits: TurnLimits,
  policy: TurnPolicy | null,
  state: TurnLoopState,
  calls: readonly PlannedCall[],
  ports: GatedCallPorts,
): Promise<CallBatch> {
  const batch: Batch = { limits, state, ports, clock: createWaitClock(() => ports.nowMs()) };
  const decisions: ApprovalState[] = [];
  const running: Promise<RunToolResult>[] = [];
  const asked: { readonly call: PlannedCall; readonly ask: NamedCall }[] = [];
  for (const { call, refused } of admitCalls(limits, state, calls)) {
    const verdict = judge(policy, state, call, refused);
    if (verdict.ask === null) running.push(run(batch, call, verdict.order));
    else asked.push({ call, ask: verdict.ask });
  }
  if (asked.length > 0) running.push(...(await askAll(batch, asked, running, decisions)));
  return { results: await Promise.all(running), waitedMs: batch.clock.waitedMs(), decisions };
}

type Verdict = { readonly ask: null; readonly order: CallOrder } | { readonly ask: NamedCall };

function judge(
  policy: TurnPolicy | null,
  state: TurnLoopState,
  call: PlannedCall,
  refused: LimitReason | null,
): Verdict {
  const order = asPlanned(state);
  // A turn from before there were policies: its activity refuses what would need a decision.
  if (refused !== null || policy === null) return { ask: null, order: { ...order, refused } };
  const decision = gateCall(policy, call, order.tainted);
  if (decision.action === 'run') return { ask: null, order };
  if (decision.action === 'refuse') return { ask: null, order: { ...order, blocked: decision.because } };
  const { because, standing } = decision;
  // The gate asks only for calls that carry a hash; the empty one matches no arguments.
  const argumentsHash = call.argumentsHash ?? '';
  return { ask: { callIndex: call.callIndex, name: call.name, argumentsHash, because, standing } };
}

function run({ limits, state, ports, clock }: Batch, call: PlannedCall, order: CallOrder): Promise<RunToolResult> {
  const now = ports.nowMs();
  const waitedMs = (state.waitedMs ?? 0) + clock.waitedMs();
  return clock.working(ports.runTool(state.step, call, remainingMs(limits, { ...state, waitedMs }, now), order));
}

/** @param running what runs meanwhile: its failure must not go unheard while the approvals are being opened. */
async function askAll(
  batch: Batch,
  asked: readonly { readonly call: PlannedCall; readonly ask: NamedCall }[],
  running: readonly Promise<RunToolResult>[],
  decisions: ApprovalState[],
): Promise<readonly Promise<RunToolResult>[]> {
  const { ports, state, clock } = batch;
  const opening = clock.working(
    ports.openApprovals(
      state.step,
      asked.map(({ ask }) => ask),
    ),
  );
  const failed = Promise.all(running).then(() => new Promise<never>(() => undefined));
  const approvals = await Promise.race([opening, failed]);
  return asked.map(async ({ call }, position) => {
    const approval = approvals[position];
    const decision = approval === undefined ? null : await clock.waiting(approval.decided);
    if (decision !== null) decisions.push(decision);
    const order = asPlanned(state);
    return run(batch, call, decision === null ? { ...order, blocked: 'unbound' } : { ...order, approval: decision });
  });
}

interface WaitClock {
  working<T>(work: Promise<T>): Promise<T>;
  waiting<T>(decision: Promise<T>): Promise<T>;
  waitedMs(): number;
}

function createWaitClock(nowMs: () => number): WaitClock {
  let working = 0;
  let waiting = 0;
  let idleSince: number | null = null;
  let waited = 0;
  const settle = (): void => {
    const idle = working === 0 && waiting > 0;
    if (idle) idleSince ??= nowMs();
    else if (idleSince !== null) {
      waited += nowMs() - idleSince;
      idleSince = null;
    }
  };
  return {
    async working(work) {
      working += 1;
      settle();
      try {
        return await work;
      } finally {
        working -= 1;
        settle();
      }
    },
    async waiting(decision) {
      waiting += 1;
      settle();
      try {
        return await decision;
      } finally {
        waiting -= 1;
        settle();
      }
    },
    waitedMs: () => waited + (idleSince === null ? 0 : nowMs() - idleSince),
  };
}
