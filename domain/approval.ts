/** Approvals: a person's decision about one tool call, as it is stored and as the workflow sees it. Zod-free. */
import { canonicalJson } from './json.js';
import type { GateReason } from './policy.js';

export type ApprovalStatus = 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled';
export type SettledStatus = Exclude<ApprovalStatus, 'pending'>;

/** What a deny or a cancel without words of a person says. */
/** What a denial says whose turn goes on with a message. */
export const OVERTAKEN_REASON = 'The user sent another message instead of deciding.';

export type ApprovalOrigin = 'person' | 'link' | 'response' | 'consent' | 'deadline' | 'message' | 'cancel';

/** The decision about one call as far as the workflow must know it: never who or why, which is content. */
export interface ApprovalState {
  readonly approvalId: string;
  readonly callIndex: number;
  readonly status: ApprovalStatus;
}

/** A call the gate wants a person to decide. */
export interface CallToApprove {
  readonly callIndex: number;
  readonly argumentsHash: string;
  readonly because: GateReason;
  /** A standing consent of the conversation to this tool may stand for the decision. */
  readonly standing: boolean;
}

/**
 * The text whose SHA-256 a decision is bound to: the tool and its arguments, whatever order the model wrote the fields in.
 * Arguments that are no JSON count as they are.
 */
export function approvalSubject(name: string, argumentsText: string): string {
  return canonicalJson({ name, arguments: parsedOr(argumentsText) });
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text) as unknown;
  } catch {
    // Not JSON: the call will fail on its own; until then its text stands for itself.
    return text;
  }
}
