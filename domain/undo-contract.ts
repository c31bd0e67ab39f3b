/** The contract between the workflow `undo`, its activities and whoever starts it. Ids only. Zod-free. */
import type { EffectRecord, UndoStatus } from './effect.js';
import type { TurnIds } from './turn-contract.js';
import { workflowIdOf } from './workflow-ids.js';

export const UNDO_WORKFLOW_TYPE = 'undo';

/** One workflow for each effect, ever: undoing twice is not possible. */
export function undoWorkflowId(tenantId: string, effectId: string): string {
  return workflowIdOf('undo', tenantId, effectId);
}

/** `turnId` and the rest name the turn whose effect it is. */
export interface UndoInput extends TurnIds {
  readonly effectId: string;
  readonly tool: string;
  readonly timeoutMs: number;
}

/** The start of an effect's undo. A tool this server no longer has gets no time: its undo fails at once and says so. */
export function toUndoInput(
  tenantId: string,
  effect: EffectRecord,
  tools: readonly { readonly name: string; readonly timeoutMs: number }[],
): UndoInput {
  const { call, conversationId, requestId } = effect;
  const timeoutMs = tools.find(({ name }) => name === call.name)?.timeoutMs ?? 0;
  return { tenantId, turnId: call.turnId, conversationId, requestId, effectId: effect.id, tool: call.name, timeoutMs };
}

export interface UndoResult {
  readonly status: UndoStatus;
}

export interface UndoActivities {
  /** Run the tool's undo. What it says is the outcome; only infrastructure throws. Safe to repeat: it has a key of its own. */
  undoEffect(input: UndoInput): Promise<UndoResult>;
  /** It could not be found out whether it was undone: say so, unless it is known. */
  giveUpUndo(input: UndoInput): Promise<void>;
}
