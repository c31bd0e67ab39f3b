/**
 * Decisions about tool calls. Exactly one counts: every change leaves `pending` by one conditional update, and whoever comes
 * second is told what was decided. Methods throw `store.unavailable` when the database cannot be reached.
 */
import type { ApprovalOrigin, ApprovalStatus, CallToApprove, SettledStatus } from '../approval.js';
import type { ApprovalMode, GateReason } from '../policy.js';
import type { Scope } from '../scope.js';
import type { ToolEffect } from '../tool.js';

export interface ApprovalRecord {
  readonly id: string;
  readonly turnId: string;
  readonly step: number;
  readonly callIndex: number;
  readonly conversationId: string | null;
  /** Whose turn it is. */
  readonly principalId: string;
  /** The item of the call. */
  readonly itemId: string;
  readonly name: string;
  /** As the model wrote them. */
  readonly arguments: string;
  readonly argumentsHash: string;
  readonly effect: ToolEffect;
  readonly because: GateReason;
  readonly mode: ApprovalMode;
  readonly status: ApprovalStatus;
  readonly origin: ApprovalOrigin | null;
  readonly decidedBy: string | null;
  readonly reason: string | null;
  /** What a person made of the arguments, and the hash of that; null: unchanged. */
  readonly editedArguments: string | null;
  readonly editedHash: string | null;
  /** `conversation`: later calls of this tool in the conversation need no decision where the rule is `ask`. */
  readonly remember: 'conversation' | null;
  /** The turn that goes on with it, where its own turn ended with the request. */
  readonly followedBy: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly escalatedAtMs: number | null;
  readonly decidedAtMs: number | null;
}

export interface NewApprovals {
  readonly turnId: string;
  readonly step: number;
  readonly mode: ApprovalMode;
  readonly withinMs: number;
  /** Each with the id its approval gets, unless it has one already. */
  readonly calls: readonly (CallToApprove & { readonly approvalId: string })[];
}

/** An approval as it is now, and whether this call made it and its `mcp_approval_request` item. */
export interface OpenedApproval {
  readonly approval: ApprovalRecord;
  readonly openedNow: boolean;
  /** Place of its item in the turn's output; null where a standing consent decided and nobody is asked. */
  readonly outputIndex: number | null;
}

export interface Decision {
  readonly status: 'approved' | 'denied';
  readonly origin: ApprovalOrigin;
  readonly decidedBy: string | null;
  readonly reason: string | null;
  readonly edited: { readonly arguments: string; readonly hash: string } | null;
  readonly remember: 'conversation' | null;
  /** Refused when the approval is for other arguments; null: not compared. */
  readonly argumentsHash: string | null;
}

export interface DecisionOutcome {
  /** As it is now: with the decision that counts. */
  readonly approval: ApprovalRecord;
  /** False: somebody else, or the deadline, was first. */
  readonly decidedNow: boolean;
}

export interface ApprovalQuery {
  readonly status: ApprovalStatus | null;
  readonly conversationId: string | null;
  readonly turnId: string | null;
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

/** What a conversation lets a tool do without asking again: the newest approval of it that was remembered. */
export interface Consent {
  readonly tool: string;
  readonly approvalId: string;
  readonly givenBy: string | null;
  readonly givenAtMs: number;
}

/** A decision its workflow has not heard of. */
export interface UnheardDecision {
  readonly tenantId: string;
  readonly turnId: string;
  readonly conversationId: string | null;
  readonly approvalId: string;
}

export interface ApprovalStore {
  /**
   * One transaction: an approval for each call, with an `mcp_approval_request` item after the step's items. Where a standing
   * consent covers a call, its approval is made `approved`. Safe to repeat: calls that have an approval keep it.
   * @throws `item.not-found` for a call that is not there, `turn.cancelled` when the turn has ended.
   */
  open(scope: Scope, approvals: NewApprovals): Promise<readonly OpenedApproval[]>;
  get(scope: Scope, id: string): Promise<ApprovalRecord | null>;
  /** The approval of one call, or null. */
  ofCall(scope: Scope, key: { turnId: string; step: number; callIndex: number }): Promise<ApprovalRecord | null>;
  /** @throws `request.invalid` for an unknown cursor. */
  list(scope: Scope, query: ApprovalQuery): Promise<{ approvals: readonly ApprovalRecord[]; hasMore: boolean }>;
  /**
   * Only while it is pending and its deadline has not passed; past it the approval is made `expired` instead.
   * @throws `approval.not-found`; `approval.changed` when `argumentsHash` is another.
   */
  decide(scope: Scope, id: string, decision: Decision): Promise<DecisionOutcome>;
  /**
   * Settle everything a turn waits for. Used at the deadline, by a cancel, and by a new message that goes on without the
   * calls. @returns the approvals this call settled.
   */
  settlePending(
    scope: Scope,
    turnId: string,
    how: {
      readonly status: Exclude<SettledStatus, 'approved'>;
      readonly origin: ApprovalOrigin;
      readonly reason: string | null;
    },
  ): Promise<readonly ApprovalRecord[]>;
  /** @returns the approvals that were escalated by this call; one is escalated once. */
  escalate(scope: Scope, turnId: string): Promise<readonly ApprovalRecord[]>;
  /**
   * Take decisions for a turn that goes on with them; each for one turn only. Safe to repeat.
   * @returns those that are decided and this turn's, in the order asked for.
   */
  claimFollowed(scope: Scope, turnId: string, ids: readonly string[]): Promise<readonly ApprovalRecord[]>;
  /** The same decisions for calls of this turn. Safe to repeat: the last attempt's items count. */
  carryOver(
    scope: Scope,
    calls: {
      readonly turnId: string;
      readonly step: number;
      readonly calls: readonly {
        /** The approval that was decided. */
        readonly from: string;
        readonly approvalId: string;
        readonly callIndex: number;
        readonly itemId: string;
      }[];
    },
  ): Promise<void>;
  /** One for each tool, by its name; at most `limit`. */
  listConsents(scope: Scope, conversationId: string, limit: number): Promise<readonly Consent[]>;
  /**
   * Later calls of the tool are asked about again; what was let through stays. The decisions themselves are not changed.
   * @returns false when the conversation has no consent to this tool.
   */
  revokeConsent(scope: Scope, conversationId: string, tool: string): Promise<boolean>;
  /** The workflow has heard of these; they are not sent again. Safe to repeat. */
  markHeard(scope: Scope, ids: readonly string[]): Promise<void>;
  /** System-wide, oldest first: decisions of open turns, older than `olderThanMs`, that no workflow has heard of. */
  listUnheard(olderThanMs: number, limit: number): Promise<readonly UnheardDecision[]>;
  /**
   * System-wide: pending approvals of running turns that a message waits to join are denied, because its writer went on
   * instead of deciding. @param turnId only of this turn; null: of all. @returns how many.
   */
  denyOvertaken(turnId: string | null, limit: number): Promise<number>;
  /** System-wide: pending approvals of ended turns whose deadline has passed become `expired`. @returns how many. */
  expireAbandoned(limit: number): Promise<number>;
}
