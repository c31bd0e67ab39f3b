/**
 * The approvals' part of the contract between the workflow `turn` and its activities. Zod-free and Node-free, JSON and
 * small, as `turn-contract.ts` says.
 */
import type { ApprovalState, CallToApprove } from './approval.js';
import type { ApprovalMode } from './policy.js';
import type { TurnIds } from './turn-contract.js';

/** Argument of the signal: ids of approvals that were decided. It only wakes: what was decided is asked of the store. */
export const APPROVAL_DECIDED_SIGNAL = 'approvalDecided';

export interface OpenApprovalsInput extends TurnIds {
  readonly step: number;
  readonly mode: ApprovalMode;
  readonly withinMs: number;
  readonly calls: readonly CallToApprove[];
}

export interface OpenApprovalsResult {
  /** One per call, in their order; decided already where a standing consent or an earlier turn did so. */
  readonly approvals: readonly ApprovalState[];
  /** When the first of them is due, since the epoch. */
  readonly expiresAtMs: number;
}

export interface ApprovalsOfStepInput extends TurnIds {
  readonly step: number;
  readonly approvalIds: readonly string[];
}

/** Over several hours; then the operator's webhook is given up, and the approval waits on as it did. */
export const NOTICE_ATTEMPTS = 10;

export interface EscalationResult {
  /** Approvals the webhook should hear about; absent or empty: nobody is told beyond the events. */
  readonly notify?: readonly string[];
}

export interface EscalationNoticeInput extends TurnIds {
  readonly step: number;
  readonly approvalId: string;
}

/** Implemented in `activities/`. Every method is safe to repeat. */
export interface ApprovalActivities {
  /** Ask for decisions: rows, items and events, once per call however often it runs. */
  openApprovals(input: OpenApprovalsInput): Promise<OpenApprovalsResult>;
  /** What was decided by now. Decisions that are returned are not sent to the workflow again. */
  readDecisions(input: ApprovalsOfStepInput): Promise<readonly ApprovalState[]>;
  /** The deadline: what is still pending expires. @returns all of them as they are now. */
  expireApprovals(input: ApprovalsOfStepInput): Promise<readonly ApprovalState[]>;
  /** Say that nobody has decided yet, to whom it concerns. @returns nothing in histories from before there were webhooks. */
  escalateApprovals(input: ApprovalsOfStepInput): Promise<EscalationResult | undefined>;
  /** Tell the operator's webhook about one escalated approval, unless it has been decided meanwhile. */
  notifyEscalation(input: EscalationNoticeInput): Promise<void>;
}
