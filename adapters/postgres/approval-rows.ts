/** Rows of approvals <-> records of the domain. */
import type { Selectable } from 'kysely';
import type { ApprovalOrigin, ApprovalStatus } from '../../domain/approval.js';
import type { ApprovalMode, GateReason } from '../../domain/policy.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { ToolEffect } from '../../domain/tool.js';
import type { ApprovalTable } from './schema.js';

export type ApprovalRow = Omit<Selectable<ApprovalTable>, 'tenant_id' | 'heard_at' | 'consent_ended_at'>;

/** The columns of `fromApprovalRow`, for SQL text; `a` is the table's alias. */
export const APPROVAL_COLUMNS = [
  'id', 'turn_id', 'step', 'call_index', 'conversation_id', 'principal_id', 'item_id', 'name', 'arguments', 'arguments_hash',
  'effect', 'because', 'mode', 'status', 'origin', 'decided_by', 'reason', 'edited_arguments', 'edited_hash', 'remember',
  'followed_by', 'created_at', 'expires_at', 'escalated_at', 'decided_at',
].map((column) => `a.${column}`).join(', '); // prettier-ignore

export function fromApprovalRow(row: ApprovalRow): ApprovalRecord {
  return {
    id: row.id,
    turnId: row.turn_id,
    step: row.step,
    callIndex: row.call_index,
    conversationId: row.conversation_id,
    principalId: row.principal_id,
    itemId: row.item_id,
    name: row.name,
    arguments: row.arguments,
    argumentsHash: row.arguments_hash,
    effect: row.effect as ToolEffect,
    because: row.because as GateReason,
    mode: row.mode as ApprovalMode,
    status: row.status as ApprovalStatus,
    origin: row.origin as ApprovalOrigin | null,
    decidedBy: row.decided_by,
    reason: row.reason,
    editedArguments: row.edited_arguments,
    editedHash: row.edited_hash,
    remember: row.remember as 'conversation' | null,
    followedBy: row.followed_by,
    createdAtMs: row.created_at.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    escalatedAtMs: row.escalated_at?.getTime() ?? null,
    decidedAtMs: row.decided_at?.getTime() ?? null,
  };
}
