/** What speaks against a turn, by what one look at everything around it found. */
import { failure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
import type { NewTurn } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { MAX_PENDING_STEERS } from '../../domain/steer.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnStatus } from '../../domain/turn.js';
import { objectionOfBudgets } from './budget-admission.js';
import type { AppliedBudget } from './budget-admission.js';

/** What the look found; null where there is nothing of the kind. */
export interface Surroundings {
  readonly replay_id: string | null;
  readonly replay_hash: string | null;
  readonly replay_steer_id: string | null;
  readonly conversation_id: string | null;
  readonly conversation_owner: string | null;
  readonly head_turn_id: string | null;
  readonly parent_id: string | null;
  readonly parent_owner: string | null;
  readonly parent_status: TurnStatus | null;
  readonly parent_kind: string | null;
  readonly parent_stored: boolean | null;
  readonly parent_conversation_id: string | null;
  readonly parent_depth: number | null;
  readonly busy_id: string | null;
  readonly budgets: readonly AppliedBudget[] | null;
  readonly revoked: boolean;
}

/** @returns null when the turn may be written. */
export function objectionAgainst(scope: Scope, turn: NewTurn, around: Surroundings): Failure | null {
  return objectionTo(turn, around) ?? objectionToOwner(scope, turn, around);
}

function objectionToOwner(scope: Scope, turn: NewTurn, around: Surroundings): Failure | null {
  if (around.revoked) return failure('user.revoked', `the user ${scope.principalId} was revoked`);
  return objectionOfBudgets(around.budgets ?? [], turn.priced ?? true);
}

function objectionTo(turn: NewTurn, around: Surroundings): Failure | null {
  if (turn.conversationId !== null && around.conversation_id === null) {
    return failure('conversation.not-found', `there is no conversation ${turn.conversationId}`, {
      param: 'conversation',
    });
  }
  const toParent = typeof turn.parentId === 'string' ? objectionToParent(turn, turn.parentId, around) : null;
  if (toParent !== null) return toParent;
  if (around.busy_id === null || (turn.onConflict ?? 'reject') !== 'reject') return null;
  const message =
    `the response ${around.busy_id} is still running in this conversation; wait for it, cancel it, ` +
    'or let this message wait or join it with turnstone.on_conflict';
  return failure('conversation.busy', message);
}

function objectionToParent(turn: NewTurn, parentId: string, around: Surroundings): Failure | null {
  const param = 'previous_response_id';
  // Not kept for later use is not there for later use; within a conversation the conversation keeps it.
  const forgotten = around.parent_stored === false && around.parent_conversation_id === null;
  if (around.parent_status === null || forgotten) {
    return failure('response.not-found', `there is no response ${parentId} to continue from`, { param });
  }
  if (turn.conversationId !== null && around.parent_conversation_id !== turn.conversationId) {
    const message = `the response ${parentId} does not belong to conversation ${turn.conversationId}`;
    return failure('request.invalid', message, { param });
  }
  const runs = !isTerminal(around.parent_status) && around.parent_kind === 'response';
  const mayWaitForIt = parentId === around.busy_id && (turn.onConflict ?? 'reject') !== 'reject';
  if (runs && !mayWaitForIt) {
    const message = `the response ${parentId} has not ended; wait for it or cancel it`;
    return failure('response.still-running', message, { param });
  }
  return null;
}

export function tooManySteers(turnId: string): Failure {
  return failure(
    'conversation.queue-full',
    `${String(MAX_PENDING_STEERS)} messages wait to join the response ${turnId}, which is the most; wait for its next step, or cancel one`,
  );
}
