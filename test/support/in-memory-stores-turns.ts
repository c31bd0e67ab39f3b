/**
 * Turns in memory, for tests of what stands on the port. It keeps the port's promises: idempotency, one running turn per
 * conversation, fencing by attempt, tenants that do not see each other.
 */
import { failure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import { addUsage } from '../../domain/pricing.js';
import type { TurnStore } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { ToolCallRecord } from '../../domain/tool.js';
import { isTerminal } from '../../domain/turn.js';
import { copiedSteps } from './in-memory-forks.js';
import { freeHolds, isBudgeted, requireMoney, settleCalls } from './in-memory-budgets.js';
import { withdrawApprovals } from './in-memory-approvals.js';
import { placeFor, replayOf, toTurn } from './in-memory-stores-accept.js';
import {
  addSteer,
  beginNext,
  cancelQueued,
  enqueue,
  followUp,
  keepsOpen,
  queuePositionOf,
  takeSteers,
} from './in-memory-stores-pending.js';
import {
  BLOCK,
  conversationOf,
  inOrder,
  pageOf,
  pathTo,
  rowOf,
  runningIn,
  setConversation,
  toTurnRow,
} from './in-memory-stores-tables.js';
import type { MemoryTables, TurnRow } from './in-memory-stores-tables.js';

export function createInMemoryTurnStore(tables: MemoryTables): TurnStore {
  const open = (scope: Scope, id: string): TurnRow | null => {
    const row = rowOf(tables, scope, id);
    return row?.turn.status === 'in_progress' ? row : null;
  };
  const close = (scope: Scope, row: TurnRow, ending: Parameters<TurnStore['finish']>[2]): void => {
    row.turn = { ...row.turn, ...ending, completedAtMs: Date.now() };
    freeHolds(tables, row.turn);
    withdrawApprovals(tables, row.turn.id, ending.status);
    const conversation =
      row.turn.conversationId === null ? null : conversationOf(tables, scope, row.turn.conversationId);
    if (conversation !== null)
      setConversation(tables, scope, { ...conversation, headTurnId: row.turn.id, updatedAtMs: Date.now() });
  };
  const call = (row: TurnRow, step: number, callIndex: number): ToolCallRecord => {
    const found = row.calls.find((candidate) => candidate.step === step && candidate.callIndex === callIndex);
    if (found === undefined) throw failure('item.not-found', `no call ${step}/${callIndex}`);
    return found;
  };
  const setCall = (row: TurnRow, next: ToolCallRecord): void => {
    row.calls[row.calls.findIndex((old) => old.step === next.step && old.callIndex === next.callIndex)] = next;
  };
  return {
    async accept(scope, turn) {
      const known = replayOf(tables, scope, turn);
      if (known !== null) return known;
      const record = toTurn(scope, turn, placeFor(tables, scope, turn));
      requireMoney(tables, scope, turn.priced ?? true);
      const running = record.conversationId === null ? null : runningIn(tables, record.conversationId);
      const joins = turn.onConflict === 'steer' && (turn.parentId === undefined || turn.parentId === running?.id);
      if (running !== null && joins) {
        const steer = addSteer(tables, scope, { ...turn, id: newId('steer'), turnId: running.id, items: turn.input });
        return { kind: 'steered', turn: running, steer };
      }
      if (running !== null) return enqueue(tables, turn, record, running);
      const row = toTurnRow(record, turn, { steps: new Map() });
      const copied = copiedSteps(tables, turn);
      tables.turns.set(turn.id, { ...row, ...copied, items: [...copied.items, ...row.items] });
      return { kind: 'accepted', turn: record };
    },
    get: async (scope, id) => rowOf(tables, scope, id)?.turn ?? null,
    output: async (scope, id) =>
      inOrder(rowOf(tables, scope, id)?.items ?? []).filter((stored) => stored.direction === 'output'),
    async inputItems(scope, id, page) {
      const path = pathTo(tables, scope, id);
      const items = path.flatMap((row) =>
        inOrder(row.items).filter((stored) => row.turn.id !== id || stored.direction === 'input'),
      );
      return pageOf(items, page);
    },
    async loadContext(scope, id) {
      const path = pathTo(tables, scope, id);
      const turn = path.at(-1)?.turn;
      if (turn === undefined) return null;
      const toolCalls = path.flatMap((row) => row.calls);
      return { turn, path: path.flatMap((row) => inOrder(row.items)), toolCalls, budgeted: isBudgeted(tables, turn) };
    },
    async claimStep(scope, { turnId, step }) {
      const known = rowOf(tables, scope, turnId);
      const held = known?.steps.get(step) ?? { attempt: 0, result: null };
      // A committed step may be claimed again even though it ended the turn.
      const row = held.result === null ? open(scope, turnId) : known;
      if (row === null) throw failure('turn.cancelled', `${turnId} has already ended`);
      const next = { ...held, attempt: held.attempt + 1 };
      row.steps.set(step, next);
      row.nextSequence += BLOCK;
      const claim = { attempt: next.attempt, firstSequence: row.nextSequence - BLOCK, committed: next.result };
      const steers = next.result === null ? takeSteers(tables, row, step) : [];
      return steers.length === 0 ? claim : { ...claim, steers: steers.map(({ id, items }) => ({ id, items })) };
    },
    async commitStep(scope, commit) {
      const row = open(scope, commit.turnId);
      const step = row?.steps.get(commit.step);
      if (row === null || step?.attempt !== commit.attempt || step.result !== null) return null;
      const goesOn = keepsOpen(tables, commit);
      step.result = goesOn ? { ...commit.result, outcome: 'calls', status: null } : commit.result;
      settleCalls(tables, row.turn, commit);
      row.items.push(
        ...commit.items.map((item, index) => ({
          turnId: commit.turnId,
          step: commit.step,
          index,
          direction: 'output' as const,
          item,
        })),
      );
      row.calls.push(
        ...commit.toolCalls.map((planned) => ({
          ...planned,
          attempt: 0,
          result: null,
          fullResult: null,
          resultHash: null,
          error: null,
          durationMs: null,
        })),
      );
      row.turn = {
        ...row.turn,
        answeredBy: commit.answeredBy ?? row.turn.answeredBy,
        usage: commit.modelCalls.map((made) => made.usage).reduce(addUsage, row.turn.usage),
      };
      if (commit.ending === null || goesOn) return { turn: row.turn, next: null };
      close(scope, row, commit.ending);
      row.turn = { ...row.turn, lastSequence: commit.lastSequence };
      return { turn: row.turn, next: followUp(tables, scope, row.turn) };
    },
    async recordCalls(scope, attempt) {
      const { turnId, modelCalls } = attempt;
      const row = open(scope, turnId);
      if (row === null) return;
      settleCalls(tables, row.turn, attempt);
      const usage = modelCalls.map((made) => made.usage).reduce(addUsage, row.turn.usage);
      row.turn = { ...row.turn, usage };
    },
    async claimTool(scope, { turnId, step, callIndex }) {
      const row = open(scope, turnId);
      if (row === null) throw failure('turn.cancelled', `${turnId} has already ended`);
      const known = call(row, step, callIndex);
      const item = row.items.find((stored) => stored.item.id === known.itemId);
      if (item === undefined) throw failure('item.not-found', `no item ${known.itemId}`);
      if (known.result !== null) return { call: known, item, decision: 'done' };
      const claimed: ToolCallRecord = { ...known, attempt: known.attempt + 1, status: 'running' };
      setCall(row, claimed);
      const begun = known.effect === 'unkeyed' && known.attempt > 0;
      return { call: claimed, item, decision: begun ? 'unknown' : 'run' };
    },
    async commitTool(scope, receipt) {
      const row = open(scope, receipt.turnId);
      if (row === null) return false;
      const known = call(row, receipt.step, receipt.callIndex);
      if (known.attempt !== receipt.attempt || known.result !== null) return false;
      const { status, result, fullResult, resultHash, error, durationMs } = receipt;
      setCall(row, { ...known, status, result, fullResult, resultHash, error, durationMs });
      row.items = row.items.map((stored) =>
        stored.item.id === known.itemId ? { ...stored, item: receipt.item } : stored,
      );
      return true;
    },
    async finish(scope, id, ending) {
      const row = rowOf(tables, scope, id);
      if (row === null) throw failure('response.not-found', `there is no response ${id}`);
      if (isTerminal(row.turn.status)) return { turn: row.turn, closedNow: false, next: null };
      if (cancelQueued(tables, scope, id) !== null) return { turn: row.turn, closedNow: true, next: null };
      close(scope, row, ending);
      return { turn: row.turn, closedNow: true, next: followUp(tables, scope, row.turn) };
    },
    cancelQueued: async (scope, id) => cancelQueued(tables, scope, id),
    findQueuePosition: async (scope, id) => queuePositionOf(tables, scope, id),
    beginNext: async (scope, conversationId) => beginNext(tables, scope, conversationId),
    async listStranded(_olderThanMs, limit) {
      const rows = [...tables.turns.values()].filter(({ turn }) => turn.status === 'queued');
      const stranded = rows.flatMap(({ turn, interrupts }) => {
        const { tenantId, id: turnId, conversationId } = turn;
        const running = conversationId === null ? null : runningIn(tables, conversationId);
        const isDue = conversationId !== null && (running === null || running.id === interrupts);
        return isDue ? [{ tenantId, turnId, conversationId, interrupts: running?.id ?? null }] : [];
      });
      return stranded.slice(0, limit);
    },
    async reserveSequence(scope, id) {
      const row = rowOf(tables, scope, id);
      if (row === null) throw failure('response.not-found', `there is no response ${id}`);
      row.nextSequence += BLOCK;
      return row.nextSequence - BLOCK;
    },
    async recordLastSequence(scope, id, lastSequence) {
      const row = rowOf(tables, scope, id);
      if (row !== null) row.turn = { ...row.turn, lastSequence: Math.max(lastSequence, row.turn.lastSequence ?? -1) };
    },
    async replaceItem(scope, { turnId, step, index }, item, by) {
      const held = rowOf(tables, scope, by.turnId)?.steps.get(by.step);
      if (held?.attempt !== by.attempt) throw failure('turn.stale-attempt', `attempt ${by.attempt} was overtaken`);
      const row = rowOf(tables, scope, turnId);
      if (row === null) throw failure('item.not-found', `there is no item ${index} in step ${step} of ${turnId}`);
      row.items = row.items.map((stored) =>
        stored.step === step && stored.index === index ? { ...stored, item } : stored,
      );
    },
    async fullResult(scope, id, itemId) {
      const calls = pathTo(tables, scope, id).flatMap((row) => row.calls);
      const found = calls.find((candidate) => candidate.itemId === itemId);
      return found?.fullResult ?? found?.result ?? null;
    },
    async remove(scope, id) {
      const row = rowOf(tables, scope, id);
      if (row === null) return false;
      tables.turns.delete(id);
      for (const other of tables.turns.values()) {
        if (other.turn.parentId === id) other.turn = { ...other.turn, parentId: row.turn.parentId };
      }
      for (const { tenantId, value } of tables.conversations.values()) {
        if (value.headTurnId === id)
          setConversation(tables, { ...scope, tenantId }, { ...value, headTurnId: row.turn.parentId });
      }
      return true;
    },
    async listOpen(olderThanMs, limit, after) {
      const turns = [...tables.turns.values()].map((row) => row.turn);
      const old = turns.filter((turn) => turn.status === 'in_progress' && turn.createdAtMs <= Date.now() - olderThanMs);
      const from = after === null ? 0 : old.findIndex((turn) => turn.id === after.turnId) + 1;
      return old.slice(from, from + limit).map((turn) => ({ ...turn, turnId: turn.id }));
    },
    async purgeUnstored(endedBeforeMs, limit) {
      const rows = [...tables.turns.values()].filter(
        ({ turn }) => !turn.stored && (turn.completedAtMs ?? Infinity) < endedBeforeMs,
      );
      for (const { turn } of rows.slice(0, limit)) tables.turns.delete(turn.id);
      return Math.min(rows.length, limit);
    },
  };
}
