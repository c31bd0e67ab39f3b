/** A model's calls -> call rows for the store and what the workflow needs to schedule them. Pure. */
import { preview } from '../domain/json.js';
import type { StepCommit } from '../domain/ports/turn-store.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import { PREVIEW_MAX_BYTES } from '../domain/turn-contract.js';
import type { PlannedCall } from '../domain/turn-contract.js';
import type { AssembledCall } from './answer-assembler.js';

export interface CallPlan {
  readonly rows: StepCommit['toolCalls'];
  readonly planned: readonly PlannedCall[];
  readonly clientCalls: number;
}

/** For a name no tool has: the call is still scheduled, fails as data, and the model is told. */
const UNKNOWN_TOOL_TIMEOUT_MS = 10_000;

export function planCalls(
  place: { readonly turnId: string; readonly step: number },
  calls: readonly AssembledCall[],
  tools: ReadonlyMap<string, Tool>,
  taskQueue: string,
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
    }));
  return { rows, planned, clientCalls: rows.length - planned.length };
}
