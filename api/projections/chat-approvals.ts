/**
 * A turn that waits for a person, as clients of the chat format see it: a field `turnstone` they do not know and carry along,
 * beside chunks and answers they do. Pure.
 */
import type { ApprovalEventDraft, TurnEvent } from '../../domain/event.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { ResponseResource } from '../../domain/response-resource.js';

interface ChatApproval {
  readonly id: string;
  readonly tool: string;
  readonly status: ApprovalRecord['status'];
  readonly arguments_hash: string;
  /** Seconds since the epoch. */
  readonly expires_at: number;
}

/** On a chunk: what has just become of one approval. */
export interface ChatApprovalNote {
  readonly event: ApprovalEventDraft['type'];
  readonly approval: ChatApproval;
}

export function toApprovalNote(event: TurnEvent): ChatApprovalNote | null {
  switch (event.type) {
    case 'turnstone:approval.requested':
    case 'turnstone:approval.decided':
    case 'turnstone:approval.expired':
    case 'turnstone:approval.escalated': {
      const { approval_id: id, name: tool, status, arguments_hash, expires_at } = event;
      return { event: event.type, approval: { id, tool, status, arguments_hash, expires_at } };
    }
    default:
      return null;
  }
}

export interface ChatWaiting {
  /** Stands where the answer will: clients show it, whether or not they know of approvals. */
  readonly text: string;
  readonly turnstone: ResponseResource['turnstone'] & {
    readonly response_id: string;
    readonly approvals: readonly ChatApproval[];
  };
}

export function toChatWaiting(response: ResponseResource, approvals: readonly ApprovalRecord[]): ChatWaiting {
  const named = approvals.map(({ id, name }) => `${name} (${id})`).join(', ');
  const text =
    `Waiting for a person to decide about: ${named}. Decide with POST /v1/approvals/{id}; the answer then comes to the ` +
    'same request, sent again with the same Idempotency-Key.';
  const shown = approvals.map(({ id, name, status, argumentsHash, expiresAtMs }): ChatApproval => ({
    id,
    tool: name,
    status,
    arguments_hash: argumentsHash,
    expires_at: Math.floor(expiresAtMs / 1000),
  }));
  return { text, turnstone: { ...response.turnstone, response_id: response.id, approvals: shown } };
}
