/**
 * What a stream tells beside the items of a response, from what is stored: messages that joined it, and what people were asked
 * and decided. Progress under tool calls is not stored, and lost attempts leave nothing. Pure.
 */
import { approvalEvent, settledEvent } from '../../domain/approval-event.js';
import type { TurnEventDraft } from '../../domain/event.js';
import type { OutputItem } from '../../domain/item.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { Steer } from '../../domain/steer.js';

export interface Aside {
  /** Index of the output item it is told before; the number of items: at the end. */
  readonly before: number;
  readonly draft: TurnEventDraft;
}

/** @param steps the step of each output item. */
export function toSteerAsides(steers: readonly Steer[], steps: readonly number[]): readonly Aside[] {
  return steers.flatMap(({ id, status, step, items }): Aside[] => {
    if (status !== 'picked_up' || step === null) return [];
    const before = steps.filter((each) => each < step).length;
    const type = 'turnstone:steer.picked_up';
    return [{ before, draft: { type, steer_id: id, step, before_output_index: before, items } }];
  });
}

/** Told after the item that asks: an approval that a consent decided has none, and nobody was asked. */
export function toApprovalAsides(
  approvals: readonly ApprovalRecord[],
  output: readonly OutputItem[],
): readonly Aside[] {
  return output.flatMap((item, index): Aside[] => {
    const approval = approvals.find(({ id }) => item.type === 'mcp_approval_request' && item.id === id);
    if (approval === undefined) return [];
    const asked = { ...approval, status: 'pending', editedArguments: null, reason: null } as const;
    const drafts = [
      approvalEvent('requested', asked),
      ...(approval.escalatedAtMs === null ? [] : [approvalEvent('escalated', asked)]),
      ...(approval.status === 'pending' ? [] : [settledEvent(approval)]),
    ];
    return drafts.map((draft) => ({ before: index + 1, draft }));
  });
}
