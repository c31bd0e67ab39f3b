/** Messages that come while a turn runs, in memory, as the ports say: turns that wait, and steers that join. */
import { failure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import type { AcceptOutcome, NewTurn, NextTurn, StepCommit } from '../../domain/ports/turn-store.js';
import type { NewSteer, SteerStore } from '../../domain/ports/steer-store.js';
import type { Scope } from '../../domain/scope.js';
import { MAX_PENDING_STEERS, MAX_QUEUED_TURNS } from '../../domain/steer.js';
import type { PickedUpSteer, Steer } from '../../domain/steer.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnRecord } from '../../domain/turn.js';
import { BLOCK, conversationOf, rowOf, runningIn, toTurnRow } from './in-memory-stores-tables.js';
import type { MemoryTables, TurnRow } from './in-memory-stores-tables.js';

/** In the order in which they begin. */
function waitingIn(tables: MemoryTables, conversationId: string): TurnRow[] {
  return [...tables.turns.values()]
    .filter(({ turn }) => turn.conversationId === conversationId && turn.status === 'queued')
    .sort(
      (left, right) =>
        Number(right.interrupts !== null) - Number(left.interrupts !== null) || left.queuePlace - right.queuePlace,
    );
}

const pendingOf = (tables: MemoryTables, turnId: string): Steer[] =>
  [...tables.steers.values()]
    .map(({ steer }) => steer)
    .filter((each) => each.turnId === turnId && each.status === 'pending');

function setSteer(tables: MemoryTables, steer: Steer): Steer {
  const row = tables.steers.get(steer.id);
  if (row !== undefined) row.steer = steer;
  return steer;
}

export function enqueue(tables: MemoryTables, turn: NewTurn, record: TurnRecord, running: TurnRecord): AcceptOutcome {
  const waiting = waitingIn(tables, record.conversationId ?? '');
  if (waiting.length >= MAX_QUEUED_TURNS) {
    throw failure('conversation.queue-full', `${waiting.length} messages wait in ${record.conversationId}`);
  }
  const interrupts = turn.onConflict === 'interrupt' ? running.id : null;
  const parentId = typeof turn.parentId === 'string' ? record.parentId : null;
  const queued: TurnRecord = { ...record, parentId, status: 'queued' };
  const place = Math.max(0, ...waiting.map((row) => row.queuePlace)) + 1;
  const row = toTurnRow(queued, turn, { steps: new Map(), queuePlace: place, interrupts });
  tables.turns.set(turn.id, row);
  return { kind: 'queued', turn: queued, interrupts };
}

export function addSteer(tables: MemoryTables, scope: Scope, sent: NewSteer): Steer {
  if (pendingOf(tables, sent.turnId).length >= MAX_PENDING_STEERS) {
    throw failure('conversation.queue-full', `too many messages wait to join ${sent.turnId}`);
  }
  const { id, turnId, items, idempotencyKey, requestHash } = sent;
  const made = { id, turnId, answeredBy: turnId, items, createdAtMs: Date.now(), endedAtMs: null, step: null };
  const steer: Steer = { ...made, status: 'pending' };
  const { tenantId, principalId } = rowOf(tables, scope, turnId)?.turn ?? scope;
  tables.steers.set(id, { tenantId, principalId, steer, idempotencyKey, requestHash });
  return steer;
}

export function steerByKey(
  tables: MemoryTables,
  scope: Scope,
  key: string | null,
): { readonly steer: Steer; readonly requestHash: string } | null {
  if (key === null) return null;
  const rows = [...tables.steers.values()];
  const own = rows.filter((row) => row.tenantId === scope.tenantId && row.principalId === scope.principalId);
  return own.find((row) => row.idempotencyKey === key) ?? null;
}

/** Those that wait become input of the turn before the step. @returns all that joined before it. */
export function takeSteers(tables: MemoryTables, row: TurnRow, step: number): readonly PickedUpSteer[] {
  for (const steer of pendingOf(tables, row.turn.id)) {
    const taken = row.items.filter((stored) => stored.step === step - 1).map((stored) => stored.index);
    const first = Math.max(-1, ...taken) + 1;
    const place = { turnId: row.turn.id, step: step - 1, direction: 'input' as const };
    row.items.push(...steer.items.map((item, index) => ({ ...place, index: first + index, item })));
    setSteer(tables, { ...steer, status: 'picked_up', step, endedAtMs: Date.now() });
  }
  const all = [...tables.steers.values()].map(({ steer }) => steer);
  return all.filter((steer) => steer.turnId === row.turn.id && steer.step === step);
}

/** Messages wait to join: a turn that would close as completed goes on. */
export function keepsOpen(tables: MemoryTables, { turnId, ending, result }: StepCommit): boolean {
  return ending?.status === 'completed' && result.clientCalls === 0 && pendingOf(tables, turnId).length > 0;
}

/** What follows when a turn has closed. */
export function followUp(tables: MemoryTables, scope: Scope, closed: TurnRecord): NextTurn | null {
  const left = pendingOf(tables, closed.id);
  const moved = left.length === 0 ? null : moveLeftovers(tables, closed, left);
  if (closed.conversationId === null) return moved === null ? null : begin(tables, scope, moved);
  return beginNext(tables, scope, closed.conversationId);
}

function moveLeftovers(tables: MemoryTables, closed: TurnRecord, left: readonly Steer[]): TurnRow {
  const id = newId('response');
  const waiting = waitingIn(tables, closed.conversationId ?? '');
  const turn: TurnRecord = {
    ...closed,
    id,
    status: 'queued',
    parentId: closed.conversationId === null ? closed.id : null,
    metadata: {},
    background: true,
    error: null,
    incompleteReason: null,
    answeredBy: null,
    lastSequence: null,
    completedAtMs: null,
    createdAtMs: Date.now(),
  };
  const asked = { input: left.flatMap((steer) => steer.items), idempotencyKey: null, requestHash: '' };
  const queuePlace = Math.min(2, ...waiting.map((row) => row.queuePlace)) - 1;
  const row = toTurnRow(turn, asked, { steps: new Map(), queuePlace, interrupts: null });
  tables.turns.set(id, { ...row, nextSequence: 0 });
  for (const steer of left) setSteer(tables, { ...steer, status: 'moved', answeredBy: id, endedAtMs: Date.now() });
  return tables.turns.get(id) ?? row;
}

export function beginNext(tables: MemoryTables, scope: Scope, conversationId: string): NextTurn | null {
  const [first] = waitingIn(tables, conversationId);
  return first === undefined || runningIn(tables, conversationId) !== null ? null : begin(tables, scope, first);
}

function begin(tables: MemoryTables, scope: Scope, row: TurnRow): NextTurn {
  const { conversationId, parentId } = row.turn;
  const head = conversationId === null ? null : (conversationOf(tables, scope, conversationId)?.headTurnId ?? null);
  row.turn = { ...row.turn, status: 'in_progress', parentId: parentId ?? head };
  row.steps.set(1, { attempt: 1, result: null });
  row.nextSequence += BLOCK;
  const claim = { attempt: 1, firstSequence: row.nextSequence - BLOCK, committed: null };
  return { turn: row.turn, claim, startedAtMs: Date.now() };
}

export function cancelQueued(tables: MemoryTables, scope: Scope, turnId: string): TurnRecord | null {
  const row = rowOf(tables, scope, turnId);
  if (row?.turn.status !== 'queued') return null;
  const { conversationId, parentId } = row.turn;
  const head = conversationId === null ? null : (conversationOf(tables, scope, conversationId)?.headTurnId ?? null);
  row.turn = { ...row.turn, status: 'cancelled', completedAtMs: Date.now(), parentId: parentId ?? head };
  return row.turn;
}

export function queuePositionOf(tables: MemoryTables, scope: Scope, turnId: string): number | null {
  const row = rowOf(tables, scope, turnId);
  if (row?.turn.status !== 'queued') return null;
  return waitingIn(tables, row.turn.conversationId ?? '').indexOf(row) + 1;
}

export function createInMemorySteerStore(tables: MemoryTables): SteerStore {
  return {
    async add(scope, sent) {
      const known = steerByKey(tables, scope, sent.idempotencyKey);
      if (known?.requestHash === sent.requestHash) return { kind: 'replayed', steer: known.steer };
      if (known !== null)
        throw failure('request.idempotency-mismatch', 'another body came with this key; use a new one');
      const turn = rowOf(tables, scope, sent.turnId)?.turn;
      if (turn === undefined) throw failure('response.not-found', `there is no response ${sent.turnId}`);
      if (isTerminal(turn.status)) return { kind: 'ended', turn };
      if (turn.status === 'queued') throw failure('response.not-steerable', `${turn.id} waits itself`);
      return { kind: 'steered', steer: addSteer(tables, scope, sent) };
    },
    list: async (scope, turnId) =>
      rowOf(tables, scope, turnId) === null
        ? []
        : [...tables.steers.values()].map(({ steer }) => steer).filter((steer) => steer.turnId === turnId),
    async cancel(scope, turnId, steerId) {
      const row = tables.steers.get(steerId);
      if (row?.steer.turnId !== turnId || rowOf(tables, scope, turnId) === null) {
        throw failure('steer.not-found', `there is no steer ${steerId} of ${turnId}`);
      }
      const { steer } = row;
      if (steer.status === 'cancelled') return steer;
      if (steer.status !== 'pending') throw failure('steer.picked-up', `${steerId} no longer waits`);
      return setSteer(tables, { ...steer, status: 'cancelled', endedAtMs: Date.now() });
    },
  };
}
