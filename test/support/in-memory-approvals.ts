/** Approvals in memory, over the same tables as the turns. It keeps the promises of its port: one decision counts. */
import { failure } from '../../domain/failures.js';
import { OVERTAKEN_REASON } from '../../domain/approval.js';
import type { McpApprovalRequestItem } from '../../domain/approval-item.js';
import type { ApprovalRecord, ApprovalStore, NewApprovals } from '../../domain/ports/approval-store.js';
import type { Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import { inOrder, isMine, rowOf } from './in-memory-stores-tables.js';
import type { ApprovalRow, MemoryTables, TurnRow } from './in-memory-stores-tables.js';

const UNDECIDED = {
  status: 'pending',
  origin: null,
  decidedBy: null,
  reason: null,
  editedArguments: null,
  editedHash: null,
  remember: null,
  followedBy: null,
  escalatedAtMs: null,
  decidedAtMs: null,
} as const;

export function createInMemoryApprovalStore(tables: MemoryTables): ApprovalStore {
  const rows = tables.approvals;
  const own = (scope: Scope): ApprovalRow[] =>
    [...rows.values()].filter(({ tenantId, value }) => isMine(scope, { tenantId, principalId: value.principalId }));
  const change = (row: ApprovalRow, next: Partial<ApprovalRecord>): ApprovalRecord => {
    row.value = { ...row.value, ...next };
    return row.value;
  };
  const isOpen = (row: ApprovalRow): boolean => {
    const turn = tables.turns.get(row.value.turnId)?.turn;
    return turn !== undefined && !isTerminal(turn.status);
  };
  return {
    async open(scope, opening) {
      const turn = rowOf(tables, scope, opening.turnId);
      if (turn === null) throw failure('response.not-found', `there is no response ${opening.turnId}`);
      if (isTerminal(turn.turn.status)) throw failure('turn.cancelled', `${opening.turnId} has ended`);
      const made = new Set(opening.calls.flatMap((call) => openOne(tables, scope, turn, opening, call)));
      const places = inOrder(turn.items).filter((stored) => stored.direction === 'output');
      return opening.calls.map(({ callIndex }) => {
        const row = own(scope).find(
          ({ value }) =>
            value.turnId === opening.turnId && value.step === opening.step && value.callIndex === callIndex,
        );
        if (row === undefined) throw failure('item.not-found', `no call ${callIndex}`);
        const place = places.findIndex((stored) => stored.item.id === row.value.id);
        return {
          approval: row.value,
          openedNow: made.has(row.value.id),
          outputIndex: place < 0 ? null : place,
        };
      });
    },
    get: async (scope, id) => own(scope).find(({ value }) => value.id === id)?.value ?? null,
    ofCall: async (scope, key) =>
      own(scope).find(
        ({ value }) => value.turnId === key.turnId && value.step === key.step && value.callIndex === key.callIndex,
      )?.value ?? null,
    async list(scope, query) {
      const { status, conversationId, turnId, after } = query;
      const found = own(scope)
        .map(({ value }) => value)
        .filter((value) => status === null || value.status === status)
        .filter((value) => conversationId === null || value.conversationId === conversationId)
        .filter((value) => turnId === null || value.turnId === turnId);
      const ordered = query.order === 'asc' ? found : found.reverse();
      const start = after === null ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
      if (after !== null && start === 0)
        throw failure('request.invalid', `there is no approval ${after}`, { param: 'after' });
      const rest = ordered.slice(start);
      return { approvals: rest.slice(0, query.limit), hasMore: rest.length > query.limit };
    },
    async decide(scope, id, decision) {
      const row = own(scope).find(({ value }) => value.id === id);
      if (row === undefined) throw failure('approval.not-found', `there is no approval ${id}`);
      if (row.value.status !== 'pending') return { approval: row.value, decidedNow: false };
      const { argumentsHash, edited, ...kept } = decision;
      if (argumentsHash !== null && argumentsHash !== row.value.argumentsHash) {
        throw failure('approval.changed', `the approval ${id} is for other arguments`);
      }
      if (row.value.expiresAtMs <= Date.now()) {
        const expired = change(row, { status: 'expired', origin: 'deadline', decidedAtMs: Date.now() });
        return { approval: expired, decidedNow: false };
      }
      const changed = { editedArguments: edited?.arguments ?? null, editedHash: edited?.hash ?? null };
      return { approval: change(row, { ...kept, ...changed, decidedAtMs: Date.now() }), decidedNow: true };
    },
    settlePending: async (scope, turnId, how) =>
      own(scope)
        .filter(({ value }) => value.turnId === turnId && value.status === 'pending')
        .map((row) => change(row, { ...how, decidedAtMs: Date.now() })),
    escalate: async (scope, turnId) =>
      own(scope)
        .filter(({ value }) => value.turnId === turnId && value.status === 'pending' && value.escalatedAtMs === null)
        .map((row) => change(row, { escalatedAtMs: Date.now() })),
    claimFollowed: async (scope, turnId, ids) =>
      ids.flatMap((id) => {
        const row = own(scope).find(({ value }) => value.id === id && value.decidedAtMs !== null);
        const free = row !== undefined && (row.value.followedBy === null || row.value.followedBy === turnId);
        return free ? [change(row, { followedBy: turnId })] : [];
      }),
    async carryOver(scope, { turnId, step, calls }) {
      for (const { from, approvalId, callIndex, itemId } of calls) {
        const row = own(scope).find(({ value }) => value.id === from && value.followedBy === turnId);
        const there = own(scope).find(
          ({ value }) => value.turnId === turnId && value.step === step && value.callIndex === callIndex,
        );
        if (there !== undefined) change(there, { itemId });
        else if (row !== undefined) {
          const place = { id: approvalId, turnId, step, callIndex, itemId, followedBy: null, remember: null };
          rows.set(approvalId, { tenantId: row.tenantId, value: { ...row.value, ...place }, heard: true });
        }
      }
    },
    async listConsents(scope, conversationId, limit) {
      const given = own(scope).filter((row) => isConsent(row, conversationId));
      const newest = new Map(
        given.map(({ value: { name, id, decidedBy, decidedAtMs } }) => [
          name,
          { tool: name, approvalId: id, givenBy: decidedBy, givenAtMs: decidedAtMs ?? 0 },
        ]),
      );
      return [...newest.values()].sort((left, right) => (left.tool < right.tool ? -1 : 1)).slice(0, limit);
    },
    async revokeConsent(scope, conversationId, tool) {
      const given = own(scope).filter((row) => isConsent(row, conversationId) && row.value.name === tool);
      for (const row of given) row.consentEnded = true;
      return given.length > 0;
    },
    async markHeard(scope, ids) {
      for (const row of own(scope)) if (ids.includes(row.value.id) && row.value.decidedAtMs !== null) row.heard = true;
    },
    listUnheard: async (olderThanMs, limit) =>
      [...rows.values()]
        .filter((row) => !row.heard && isOpen(row))
        .filter(({ value }) => value.decidedAtMs !== null && value.decidedAtMs <= Date.now() - olderThanMs)
        .slice(0, limit)
        .map(({ tenantId, value: { id, turnId, conversationId } }) => {
          return { tenantId, turnId, conversationId, approvalId: id };
        }),
    async denyOvertaken(turnId, limit) {
      const steered = new Set(
        [...tables.steers.values()].flatMap(({ steer }) => (steer.status === 'pending' ? [steer.turnId] : [])),
      );
      const overtaken = [...rows.values()]
        .filter((row) => row.value.status === 'pending' && isOpen(row) && steered.has(row.value.turnId))
        .filter((row) => turnId === null || row.value.turnId === turnId)
        .slice(0, limit);
      const how = { status: 'denied', origin: 'message', reason: OVERTAKEN_REASON } as const;
      for (const row of overtaken) change(row, { ...how, decidedAtMs: Date.now() });
      return overtaken.length;
    },
    async expireAbandoned(limit) {
      const overdue = [...rows.values()].filter(
        (row) => row.value.status === 'pending' && row.value.expiresAtMs < Date.now() && !isOpen(row),
      );
      for (const row of overdue.slice(0, limit)) {
        change(row, { status: 'expired', origin: 'deadline', decidedAtMs: Date.now() });
        row.heard = true;
      }
      return Math.min(limit, overdue.length);
    },
  };
}

function isConsent({ value, consentEnded }: ApprovalRow, conversationId: string): boolean {
  const remembered = value.remember !== null && value.status === 'approved' && consentEnded !== true;
  return remembered && value.conversationId === conversationId;
}

/** @returns the id of the approval when this made it. */
function openOne(
  tables: MemoryTables,
  { tenantId }: Scope,
  turn: TurnRow,
  { step, mode, withinMs }: NewApprovals,
  call: NewApprovals['calls'][number],
): string[] {
  const { conversationId, principalId, id: turnId } = turn.turn;
  const known = turn.calls.find((each) => each.step === step && each.callIndex === call.callIndex);
  const all = [...tables.approvals.values()].filter((row) => row.tenantId === tenantId).map((row) => row.value);
  const there = all.some((each) => each.turnId === turnId && each.step === step && each.callIndex === call.callIndex);
  if (known === undefined || there) return [];
  const consented =
    call.standing &&
    conversationId !== null &&
    [...tables.approvals.values()].some(
      (row) => row.tenantId === tenantId && isConsent(row, conversationId) && row.value.name === known.name,
    );
  const now = Date.now();
  const value: ApprovalRecord = {
    ...UNDECIDED,
    id: call.approvalId,
    turnId,
    step,
    callIndex: call.callIndex,
    conversationId,
    principalId,
    itemId: known.itemId,
    name: known.name,
    arguments: known.arguments,
    argumentsHash: call.argumentsHash,
    effect: known.effect,
    because: call.because,
    mode,
    createdAtMs: now,
    expiresAtMs: now + withinMs,
    ...(consented ? { status: 'approved', origin: 'consent', decidedAtMs: now } : {}),
  };
  tables.approvals.set(value.id, { tenantId, value, heard: consented });
  if (!consented) addItem(turn, step, value);
  return [value.id];
}

function addItem(turn: TurnRow, step: number, { id, name, arguments: text }: ApprovalRecord): void {
  const item: McpApprovalRequestItem = {
    type: 'mcp_approval_request',
    id,
    name,
    arguments: text,
    server_label: 'turnstone',
  };
  const index = Math.max(-1, ...turn.items.filter((stored) => stored.step === step).map((stored) => stored.index)) + 1;
  turn.items.push({ turnId: turn.turn.id, step, index, direction: 'output', item });
}

/** What closing a turn does to its approvals. */
export function withdrawApprovals(tables: MemoryTables, turnId: string, status: string): void {
  for (const row of tables.approvals.values()) {
    const { value } = row;
    if (value.turnId !== turnId || value.status !== 'pending') continue;
    if (value.mode === 'return' && status === 'completed') continue;
    row.value = { ...value, status: 'cancelled', origin: 'cancel', decidedAtMs: Date.now() };
    row.heard = true;
  }
}
