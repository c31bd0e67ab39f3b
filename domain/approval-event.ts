/** An approval as its readers' events tell it, live and told again from the store. */
import type { ApprovalEventDraft } from './event.js';
import type { ApprovalRecord } from './ports/approval-store.js';

export function approvalEvent(
  what: 'requested' | 'decided' | 'expired' | 'escalated',
  approval: ApprovalRecord,
): ApprovalEventDraft {
  return {
    type: `turnstone:approval.${what}`,
    approval_id: approval.id,
    item_id: approval.itemId,
    name: approval.name,
    status: approval.status,
    arguments_hash: approval.argumentsHash,
    expires_at: Math.floor(approval.expiresAtMs / 1000),
    edited: approval.editedArguments !== null,
    reason: approval.reason,
  };
}

/** The event of a settled approval. */
export function settledEvent(approval: ApprovalRecord): ApprovalEventDraft {
  return approvalEvent(approval.status === 'expired' ? 'expired' : 'decided', approval);
}
