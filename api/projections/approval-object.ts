/** An approval as clients see it. Pure. */
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import { GATE_EXPLANATIONS } from '../../domain/policy.js';

export interface ApprovalObject {
  readonly id: string;
  readonly object: 'approval';
  readonly status: ApprovalRecord['status'];
  readonly response_id: string;
  readonly conversation_id: string | null;
  readonly item_id: string;
  readonly name: string;
  readonly arguments: string;
  readonly arguments_hash: string;
  readonly effect: string;
  readonly because: { readonly code: string; readonly message: string };
  readonly mode: 'wait' | 'return';
  readonly created_at: number;
  readonly expires_at: number;
  readonly escalated_at: number | null;
  readonly decided_at: number | null;
  readonly decided_by: string | null;
  readonly origin: string | null;
  readonly reason: string | null;
  readonly edited_arguments: string | null;
  readonly remember: 'conversation' | null;
}

const seconds = (ms: number): number => Math.floor(ms / 1000);

export function toApprovalObject(approval: ApprovalRecord): ApprovalObject {
  const { escalatedAtMs, decidedAtMs, because } = approval;
  return {
    id: approval.id,
    object: 'approval',
    status: approval.status,
    response_id: approval.turnId,
    conversation_id: approval.conversationId,
    item_id: approval.itemId,
    name: approval.name,
    arguments: approval.arguments,
    arguments_hash: approval.argumentsHash,
    effect: approval.effect,
    because: { code: because, message: GATE_EXPLANATIONS[because] },
    mode: approval.mode,
    created_at: seconds(approval.createdAtMs),
    expires_at: seconds(approval.expiresAtMs),
    escalated_at: escalatedAtMs === null ? null : seconds(escalatedAtMs),
    decided_at: decidedAtMs === null ? null : seconds(decidedAtMs),
    decided_by: approval.decidedBy,
    origin: approval.origin,
    reason: approval.reason,
    edited_arguments: approval.editedArguments,
    remember: approval.remember,
  };
}
