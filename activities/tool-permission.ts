/**
 * The gate a second time, right before a tool runs: the workflow scheduled the call, the store says whether it may run. A
 * decision counts only for the very arguments it was made about, or for those the person put in their place.
 */
import { failure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import { DEFAULT_POLICY, GATE_EXPLANATIONS, gateCall } from '../domain/policy.js';
import type { ApprovalRecord, ApprovalStore } from '../domain/ports/approval-store.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import type { Scope } from '../domain/scope.js';
import type { ToolCallRecord } from '../domain/tool.js';
import type { RunToolInput } from '../domain/turn-contract.js';
import type { TurnSettings } from '../domain/turn.js';
import { argumentsHashOf, gateFields } from './call-planner.js';

export type Permission =
  | { readonly kind: 'run'; readonly arguments: string; readonly edited: boolean }
  | { readonly kind: 'refused'; readonly failure: Failure };

export interface PermissionRequest {
  readonly input: RunToolInput;
  readonly call: ToolCallRecord;
  readonly tool: Tool;
  readonly settings: Pick<TurnSettings, 'policy' | 'approvalRules'>;
}

/** @throws `store.unavailable`: without the store nobody can say that the call was approved. */
export async function permissionFor(
  approvals: ApprovalStore,
  scope: Scope,
  request: PermissionRequest,
): Promise<Permission> {
  const { input, call, tool, settings } = request;
  const { blocked, approval } = input;
  if (blocked !== undefined) return refuse(`Not run: ${GATE_EXPLANATIONS[blocked]}.`);
  const fields = { ...gateFields(tool, call, settings.approvalRules), egressTrusted: input.egressTrusted ?? false };
  const decision = gateCall(
    settings.policy ?? DEFAULT_POLICY,
    { effect: tool.effect, ...fields },
    input.tainted ?? false,
  );
  if (decision.action === 'refuse') return refuse(`Not run: ${GATE_EXPLANATIONS[decision.because]}.`);
  if (decision.action === 'run' && approval === undefined) {
    return { kind: 'run', arguments: call.arguments, edited: false };
  }
  const { turnId, step, callIndex } = input;
  const record = await approvals.ofCall(scope, { turnId, step, callIndex });
  return record === null ? refuse(NEVER_ASKED) : permissionOf(record, call);
}

const NEVER_ASKED = 'Not run: it needs the approval of a person, and nobody was asked. Start a new turn.';

function permissionOf(record: ApprovalRecord, call: ToolCallRecord): Permission {
  if (record.status !== 'approved') return refuse(toldAbout(record));
  if (record.argumentsHash !== argumentsHashOf(call.name, call.arguments)) {
    return refuse('Not run: the approval is for other arguments than the ones of this call.');
  }
  const { editedArguments, editedHash } = record;
  if (editedArguments === null) return { kind: 'run', arguments: call.arguments, edited: false };
  if (editedHash !== argumentsHashOf(call.name, editedArguments)) {
    return refuse('Not run: the changed arguments are not the ones that were approved.');
  }
  return { kind: 'run', arguments: editedArguments, edited: true };
}

function toldAbout({ status, reason }: ApprovalRecord): string {
  const why = reason === null || reason.trim() === '' ? '' : ` Reason: ${reason}`;
  switch (status) {
    case 'denied':
      return `Not run: a person denied this call.${why} Do not repeat it as it is.`;
    case 'expired':
      return 'Not run: nobody decided about this call before its deadline. Say what is missing because of it.';
    case 'cancelled':
      return 'Not run: the question whether it may run was withdrawn.';
    default:
      return 'Not run yet: a person is asked first. It is run in a later turn, when they have approved it.';
  }
}

function refuse(message: string): Permission {
  return { kind: 'refused', failure: failure('tool.not-approved', message) };
}
