/** Where a new turn goes and what speaks against it, as the port says. */
import { failure } from '../../domain/failures.js';
import { NO_USAGE } from '../../domain/pricing.js';
import type { AcceptOutcome, NewTurn } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnRecord } from '../../domain/turn.js';
import { steerByKey } from './in-memory-stores-pending.js';
import { conversationOf, rowOf, runningIn } from './in-memory-stores-tables.js';
import type { MemoryTables } from './in-memory-stores-tables.js';

interface Place {
  readonly conversationId: string | null;
  readonly parentId: string | null;
}

export function toTurn(scope: Scope, turn: NewTurn, place: Place): TurnRecord {
  const { id, settings, metadata, background, stored, requestId } = turn;
  return {
    id,
    settings,
    metadata,
    background,
    stored,
    requestId,
    ...place,
    tenantId: scope.tenantId,
    principalId: scope.principalId,
    kind: 'response',
    status: 'in_progress',
    usage: NO_USAGE,
    costMicros: 0,
    costIncomplete: false,
    error: null,
    incompleteReason: null,
    answeredBy: null,
    lastSequence: null,
    createdAtMs: Date.now(),
    completedAtMs: null,
  };
}

function requireParent(tables: MemoryTables, scope: Scope, turn: NewTurn): TurnRecord | null {
  if (typeof turn.parentId !== 'string') return null;
  const parent = rowOf(tables, scope, turn.parentId)?.turn;
  const param = 'previous_response_id';
  if (parent === undefined || (!parent.stored && parent.conversationId === null)) {
    throw failure('response.not-found', `there is no response ${turn.parentId}`, { param });
  }
  if (turn.conversationId !== null && parent.conversationId !== turn.conversationId) {
    throw failure(
      'request.invalid',
      `the response ${turn.parentId} does not belong to conversation ${turn.conversationId}`,
      { param },
    );
  }
  const mayWait = (turn.onConflict ?? 'reject') !== 'reject' && parent.status === 'in_progress';
  if (!isTerminal(parent.status) && !mayWait)
    throw failure('response.still-running', `${parent.id} has not ended`, { param });
  return parent;
}

/** @throws what the port says about parent and conversation. */
export function placeFor(tables: MemoryTables, scope: Scope, turn: NewTurn): Place {
  const parent = requireParent(tables, scope, turn);
  const conversationId = turn.conversationId ?? parent?.conversationId ?? null;
  if (conversationId === null) return { conversationId, parentId: parent?.id ?? null };
  const conversation = conversationOf(tables, scope, conversationId);
  if (conversation === null) {
    throw failure('conversation.not-found', `there is no conversation ${conversationId}`, { param: 'conversation' });
  }
  const running = runningIn(tables, conversationId);
  if (running !== null && (turn.onConflict ?? 'reject') === 'reject') {
    throw failure('conversation.busy', `${running.id} is still running in ${conversationId}`);
  }
  return { conversationId, parentId: turn.parentId === undefined ? conversation.headTurnId : turn.parentId };
}

/** What the key made before. @throws `request.idempotency-mismatch`. */
export function replayOf(tables: MemoryTables, scope: Scope, turn: NewTurn): AcceptOutcome | null {
  if (turn.idempotencyKey === null) return null;
  const made = [...tables.turns.values()].find(
    (row) =>
      row.turn.tenantId === scope.tenantId &&
      row.turn.principalId === scope.principalId &&
      row.idempotencyKey === turn.idempotencyKey,
  );
  const sent = steerByKey(tables, scope, turn.idempotencyKey);
  const hash = made?.requestHash ?? sent?.requestHash;
  if (hash === undefined) return null;
  if (hash !== turn.requestHash) {
    throw failure('request.idempotency-mismatch', 'this Idempotency-Key came with another body before; use a new key');
  }
  if (made !== undefined) return { kind: 'replayed', turn: made.turn };
  const answering = sent === null ? null : rowOf(tables, scope, sent.steer.answeredBy);
  return sent === null || answering === null ? null : { kind: 'steered', turn: answering.turn, steer: sent.steer };
}
