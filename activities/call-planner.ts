/** A model's calls -> call rows for the store and what the workflow needs to schedule them. Pure. */
import { createHash } from 'node:crypto';
import { approvalSubject } from '../domain/approval.js';
import { approvalRuleFor, NO_RULES } from '../domain/approval-rules.js';
import type { ApprovalRules } from '../domain/approval-rules.js';
import { preview } from '../domain/json.js';
import type { StepCommit } from '../domain/ports/turn-store.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import { PREVIEW_MAX_BYTES } from '../domain/turn-contract.js';
import type { PlannedCall } from '../domain/turn-contract.js';
import type { AssembledCall } from './answer-assembler.js';
import { parseArguments } from './tool-items.js';

export interface CallPlan {
  readonly rows: StepCommit['toolCalls'];
  readonly planned: readonly PlannedCall[];
  readonly clientCalls: number;
}

/** For a name no tool has: the call is still scheduled, fails as data, and the model is told. */
const UNKNOWN_TOOL_TIMEOUT_MS = 10_000;

/** What calls are planned by. */
export interface CallPlanning {
  readonly tools: ReadonlyMap<string, Tool>;
  readonly taskQueue: string;
  readonly rules: ApprovalRules;
  /** Whether a call goes only where the user or the operator said it may. */
  readonly goesWhereToldTo: (tool: Tool, argumentsText: string) => boolean;
}

export function planCalls(
  place: { readonly turnId: string; readonly step: number },
  calls: readonly AssembledCall[],
  { tools, taskQueue, rules, goesWhereToldTo }: CallPlanning,
): CallPlan {
  const rows = calls.map((call, callIndex) => {
    const tool = call.kind === 'tool' ? tools.get(call.name) : undefined;
    return {
      ...place,
      callIndex,
      itemId: call.itemId,
      modelCallId: call.modelCallId,
      name: call.name,
      kind: call.kind,
      arguments: call.arguments,
      effect: tool?.effect ?? ('read' as const),
      itemType:
        call.kind === 'client' ? ('function_call' as const) : (tool?.itemType ?? ('turnstone:tool_call' as const)),
      status: 'pending' as const,
    };
  });
  const planned = rows
    .filter((row) => row.kind === 'tool')
    .map((row) => ({
      callIndex: row.callIndex,
      name: row.name,
      taskQueue,
      timeoutMs: tools.get(row.name)?.timeoutMs ?? UNKNOWN_TOOL_TIMEOUT_MS,
      effect: row.effect,
      preview: preview(row.arguments, PREVIEW_MAX_BYTES),
      ...gateFields(tools.get(row.name), row, rules),
      ...egressField(tools.get(row.name), row.arguments, goesWhereToldTo),
    }));
  return { rows, planned, clientCalls: rows.length - planned.length };
}

export function argumentsHashOf(name: string, argumentsText: string): string {
  return createHash('sha256').update(approvalSubject(name, argumentsText)).digest('hex');
}

function egressField(
  tool: Tool | undefined,
  argumentsText: string,
  goesWhereToldTo: CallPlanning['goesWhereToldTo'],
): Pick<PlannedCall, 'egressTrusted'> {
  return tool?.egress === true ? { egressTrusted: goesWhereToldTo(tool, argumentsText) } : {};
}

/** What the gate looks at. A name that no tool has is not gated: its call fails as data, and nothing is run. */
export function gateFields(
  tool: Tool | undefined,
  call: { readonly name: string; readonly arguments: string },
  rules: ApprovalRules | undefined,
): Required<Pick<PlannedCall, 'egress' | 'approval' | 'argumentsHash'>> {
  return {
    egress: tool?.egress ?? false,
    approval: tool === undefined ? 'never' : approvalRuleFor(rules ?? NO_RULES, tool, parseArguments(call.arguments)),
    argumentsHash: argumentsHashOf(call.name, call.arguments),
  };
}
