/**
 * The first step of a turn that goes on with decisions: no model is asked. It holds the calls an earlier turn ended with,
 * as calls of its own with the decisions they got; the workflow runs what was approved, like any other call.
 */
import { NO_RULES } from '../domain/approval-rules.js';
import { newId } from '../domain/ids.js';
import type { ToolItem } from '../domain/item.js';
import type { ApprovalRecord } from '../domain/ports/approval-store.js';
import { isTainted, taintSettings } from '../domain/taint.js';
import type { CallModelResult } from '../domain/turn-contract.js';
import type { AssembledCall } from './answer-assembler.js';
import { planCalls } from './call-planner.js';
import { createEgressTrust } from './egress-trust.js';
import type { StepRun } from './step-run.js';
import { shownEvents, toToolItem } from './tool-items.js';

export interface FollowUp {
  readonly items: readonly ToolItem[];
  readonly calls: ReturnType<typeof planCalls>['rows'];
  readonly result: CallModelResult;
}

/** @returns null when there is nothing to go on with: another turn has taken the decisions, or they are gone. */
export async function followUpOf(step: StepRun): Promise<FollowUp | null> {
  const { deps, scope, input, context } = step;
  const wanted = input.step === 1 ? (context.turn.settings.followUp?.approvalIds ?? []) : [];
  if (wanted.length === 0) return null;
  const { turnId } = input;
  const decided = await deps.approvals.claimFollowed(scope, turnId, wanted);
  if (decided.length === 0) return null;
  const tools = new Map(deps.tools.map((tool) => [tool.name, tool]));
  const containerId = context.turn.conversationId ?? turnId;
  const shown = decided.map((approval) => {
    const call = toCall(approval);
    const type = tools.get(call.name)?.itemType ?? 'turnstone:tool_call';
    return { approval, call, item: toToolItem(type, call, containerId) };
  });
  await deps.approvals.carryOver(scope, {
    turnId,
    step: input.step,
    calls: shown.map(({ approval, call }, callIndex) => ({
      from: approval.id,
      approvalId: newId('approval'),
      callIndex,
      itemId: call.itemId,
    })),
  });
  const settings = taintSettings(context.turn.settings);
  const planning = {
    tools,
    taskQueue: deps.toolTaskQueue,
    rules: NO_RULES,
    goesWhereToldTo: createEgressTrust(context.path, settings),
  };
  const plan = planCalls(
    { turnId, step: input.step },
    shown.map(({ call }) => call),
    planning,
  );
  show(
    step,
    shown.map(({ item }) => item),
  );
  return {
    items: shown.map(({ item }) => item),
    calls: plan.rows,
    result: {
      outcome: 'calls',
      status: null,
      model: 'decisions',
      // Whatever the rules say today: these calls run by their decisions only.
      calls: plan.planned.map((call) => ({ ...call, approval: 'always' })),
      clientCalls: 0,
      tainted: isTainted(settings, context.path),
      tokens: 0,
      costMicros: 0,
    },
  };
}

function toCall({ name, arguments: text }: ApprovalRecord): AssembledCall {
  return {
    itemId: newId('genericToolCall'),
    modelCallId: newId('toolCall'),
    name,
    arguments: text,
    kind: 'tool',
  };
}

function show(step: StepRun, items: readonly ToolItem[]): void {
  for (const [position, item] of items.entries()) {
    const output_index = step.output.length + position;
    step.writer.emit({ type: 'response.output_item.added', output_index, item });
    for (const draft of shownEvents(item, output_index)) step.writer.emit(draft);
  }
}
