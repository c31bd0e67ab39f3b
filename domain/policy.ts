/**
 * The gate: may this call be scheduled, must a person be asked first, or is it refused? Pure and zod-free: the workflow asks
 * it right before it schedules a call, the head start asks it before it runs one ahead, and the tool's activity asks it
 * again before it runs one. Where something is not known, the answer is the stricter one.
 */
import type { ApprovalRule, ToolEffect } from './tool.js';

/** `allow`: taint changes nothing. `ask`: a person decides. `refuse`: the call is not run. */
export type TaintRule = 'allow' | 'ask' | 'refuse';

/** What a turn that has read untrusted content may still do by itself. */
export interface TaintPolicy {
  /** Calls of tools whose effect is `keyed` or `unkeyed`. */
  readonly writes: TaintRule;
  /** Calls that reach the network at an address that neither the user nor the agent's own list named. */
  readonly egress: TaintRule;
}

/** Pinned when a turn is accepted; small, because it travels in the workflow's input. */
export interface TurnPolicy {
  /** `wait`: the turn waits for the decision. `return`: it ends with `mcp_approval_request` items, and a follow-up goes on. */
  readonly approvals: ApprovalMode;
  /** How long a decision may take. */
  readonly withinMs: number;
  /** When the approval is escalated; null: never. */
  readonly escalateAfterMs: number | null;
  /** `deny`: the model is told and goes on without the call. `end`: the turn ends as `incomplete`. */
  readonly atDeadline: 'deny' | 'end';
  /** Absent or null: untrusted content changes nothing. */
  readonly taint?: TaintPolicy | null;
}

export type ApprovalMode = 'wait' | 'return';

export const DEFAULT_POLICY: TurnPolicy = {
  approvals: 'wait',
  withinMs: 7 * 86_400_000,
  escalateAfterMs: null,
  atDeadline: 'deny',
};

/** What the gate looks at; a planned call has all of it, one of an old history may lack the rule. */
export interface GatedCall {
  readonly effect: ToolEffect;
  /** The tool reaches the network. */
  readonly egress?: boolean;
  /** Every address the call names stands in the user's own words or in the agent's list of trusted hosts. */
  readonly egressTrusted?: boolean;
  /** What the rules say about this tool with these arguments. */
  readonly approval?: ApprovalRule;
  /** What a decision about the call is bound to. */
  readonly argumentsHash?: string;
}

/** Why a person is asked, or why a call is refused. */
export type GateReason = 'rule' | 'tainted_write' | 'tainted_egress' | 'unbound';

export type GateDecision =
  | { readonly action: 'run' }
  /** `standing`: a standing consent of the conversation to this tool may stand for the decision. */
  | { readonly action: 'ask'; readonly because: GateReason; readonly standing: boolean }
  | { readonly action: 'refuse'; readonly because: GateReason };

export const GATE_EXPLANATIONS: Record<GateReason, string> = {
  rule: 'the rules of this agent say that a person decides about this call',
  tainted_write: 'the turn has read content from outside, and the call would change something',
  tainted_egress: 'the turn has read content from outside, and the call would send something to an address from there',
  unbound: 'the call carries no hash of its arguments, so that no decision could be bound to it',
};

/** @param tainted whether the model saw untrusted content before it made the call, in this step or an earlier one. */
export function gateCall(policy: TurnPolicy, call: GatedCall, tainted: boolean): GateDecision {
  const because = tainted ? taintObjection(policy.taint ?? null, call) : null;
  if (because?.rule === 'refuse') return { action: 'refuse', because: because.reason };
  // A call without a rule was planned by something that knows no rules: a person decides.
  const rule = call.approval ?? 'always';
  if (because === null && rule === 'never') return { action: 'run' };
  if (call.argumentsHash === undefined) return { action: 'refuse', because: 'unbound' };
  if (because !== null) return { action: 'ask', because: because.reason, standing: false };
  return { action: 'ask', because: 'rule', standing: rule === 'ask' };
}

/** Of what taint says about the call, the strictest. */
function taintObjection(
  taint: TaintPolicy | null,
  call: GatedCall,
): { readonly rule: 'ask' | 'refuse'; readonly reason: GateReason } | null {
  if (taint === null) return null;
  const writes = call.effect === 'read' ? 'allow' : taint.writes;
  const egress = call.egress === true && call.egressTrusted !== true ? taint.egress : 'allow';
  if (egress === 'refuse') return { rule: 'refuse', reason: 'tainted_egress' };
  if (writes === 'refuse') return { rule: 'refuse', reason: 'tainted_write' };
  if (egress === 'ask') return { rule: 'ask', reason: 'tainted_egress' };
  return writes === 'ask' ? { rule: 'ask', reason: 'tainted_write' } : null;
}
