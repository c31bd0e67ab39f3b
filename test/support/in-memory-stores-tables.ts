/** The tables the in-memory stores share, and the walks over them. */
import type { Ledger } from '../../domain/budget-ledger.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { Conversation } from '../../domain/ports/conversation-store.js';
import type { ItemPage, NewTurn, PageQuery } from '../../domain/ports/turn-store.js';
import { seesWholeTenant } from '../../domain/scope.js';
import type { Owner, Scope } from '../../domain/scope.js';
import type { Steer } from '../../domain/steer.js';
import type { ToolCallRecord } from '../../domain/tool.js';
import type { CallModelResult } from '../../domain/turn-contract.js';
import type { StoredItem, TurnRecord } from '../../domain/turn.js';

export interface StepRow {
  attempt: number;
  result: CallModelResult | null;
}

export interface TurnRow {
  turn: TurnRecord;
  items: StoredItem[];
  readonly steps: Map<number, StepRow>;
  readonly calls: ToolCallRecord[];
  readonly idempotencyKey: string | null;
  readonly requestHash: string;
  nextSequence: number;
  /** Order among those that wait. */
  readonly queuePlace: number;
  readonly interrupts: string | null;
}

/** A turn's row from what was asked for. */
export function toTurnRow(
  turn: TurnRecord,
  asked: Pick<NewTurn, 'input' | 'idempotencyKey' | 'requestHash'>,
  state: Pick<TurnRow, 'steps'> & Partial<Pick<TurnRow, 'queuePlace' | 'interrupts'>>,
): TurnRow {
  const items = asked.input.map((item, index): StoredItem => ({
    turnId: turn.id,
    step: 0,
    index,
    direction: 'input',
    item,
  }));
  const { idempotencyKey, requestHash } = asked;
  const none = { calls: [], nextSequence: BLOCK, queuePlace: 0, interrupts: null };
  return { ...none, turn, items, idempotencyKey, requestHash, ...state };
}

export interface SteerRow {
  readonly tenantId: string;
  readonly principalId: string;
  steer: Steer;
  readonly idempotencyKey: string | null;
  readonly requestHash: string;
}

export interface ApprovalRow {
  readonly tenantId: string;
  value: ApprovalRecord;
  heard: boolean;
  consentEnded?: boolean;
}

export interface MemoryTables {
  readonly approvals: Map<string, ApprovalRow>;
  readonly turns: Map<string, TurnRow>;
  readonly conversations: Map<string, { tenantId: string; value: Conversation }>;
  /** By tenant. */
  readonly ledgers: Map<string, Ledger>;
  readonly steers: Map<string, SteerRow>;
}

/** Event numbers per attempt. */
export const BLOCK = 1_000_000;

export function createMemoryTables(): MemoryTables {
  return {
    approvals: new Map(),
    turns: new Map(),
    conversations: new Map(),
    ledgers: new Map(),
    steers: new Map(),
  };
}

/** The owner's, or whoever sees the whole tenant. */
export function isMine(scope: Scope, owner: Owner): boolean {
  if (owner.tenantId !== scope.tenantId) return false;
  return seesWholeTenant(scope) || owner.principalId === scope.principalId;
}

export function rowOf(tables: MemoryTables, scope: Scope, id: string): TurnRow | null {
  const row = tables.turns.get(id);
  return row !== undefined && isMine(scope, row.turn) ? row : null;
}

export function conversationOf(tables: MemoryTables, scope: Scope, id: string): Conversation | null {
  const row = tables.conversations.get(id);
  return row !== undefined && isMine(scope, { ...row.value, tenantId: row.tenantId }) ? row.value : null;
}

export function setConversation(tables: MemoryTables, scope: Scope, value: Conversation): Conversation {
  tables.conversations.set(value.id, { tenantId: scope.tenantId, value });
  return value;
}

export function runningIn(tables: MemoryTables, conversationId: string): TurnRecord | null {
  const rows = [...tables.turns.values()].map((row) => row.turn);
  return rows.find((turn) => turn.conversationId === conversationId && turn.status === 'in_progress') ?? null;
}

/** Rows from the root to the turn. */
export function pathTo(tables: MemoryTables, scope: Scope, id: string | null): TurnRow[] {
  const path: TurnRow[] = [];
  for (let at = id; at !== null;) {
    const row = rowOf(tables, scope, at);
    if (row === null) break;
    path.unshift(row);
    at = row.turn.parentId;
  }
  return path;
}

export const inOrder = (items: readonly StoredItem[]): StoredItem[] =>
  [...items].sort((left, right) => left.step - right.step || left.index - right.index);

export function pageOf(items: readonly StoredItem[], page: PageQuery): ItemPage {
  const ordered = page.order === 'asc' ? [...items] : [...items].reverse();
  const start = page.after === null ? 0 : ordered.findIndex((stored) => stored.item.id === page.after) + 1;
  const rest = ordered.slice(start);
  return { items: rest.slice(0, page.limit), hasMore: rest.length > page.limit };
}
