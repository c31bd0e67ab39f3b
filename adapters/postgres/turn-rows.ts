/** Rows of turns, items and tool calls <-> records of the domain. */
import type { Selectable } from 'kysely';
import { itemText } from '../../domain/item.js';
import type { Item } from '../../domain/item.js';
import type { ToolCallRecord } from '../../domain/tool.js';
import type {
  IncompleteReason,
  StoredItem,
  TurnError,
  TurnRecord,
  TurnSettings,
  TurnStatus,
} from '../../domain/turn.js';
import { nullableObjectColumn, objectColumn, toNullableJson } from './json-columns.js';
import type { ItemTable, ToolCallTable, TurnTable } from './schema.js';

/** Event numbers reserved per attempt: more than the events of any step, few enough that 2^53 is never near. */
export const SEQUENCES_PER_ATTEMPT = 1_000_000;
/** More than the search column reads; the whole text is in the item's data. */
const SEARCH_TEXT_MAX_CHARS = 100_000;
const GRAPHEMES = new Intl.Segmenter();
/** Longest title taken from a first message, in characters. */
const TITLE_MAX_CHARS = 80;

export type TurnRow = Pick<
  Selectable<TurnTable>,
  Exclude<
    keyof TurnTable,
    | 'depth'
    | 'idempotency_key'
    | 'request_hash'
    | 'next_sequence'
    | 'queue_place'
    | 'interrupts'
    | 'pending_steers'
    | 'steer_count'
  >
>;
export type ItemRow = Omit<Selectable<ItemTable>, 'tenant_id' | 'principal_id' | 'item_id' | 'type' | 'text'>;
export type ToolCallRow = Omit<Selectable<ToolCallTable>, 'tenant_id' | 'principal_id'>;

/** The columns of `fromTurnRow`, for SQL text; `t` is the table's alias. */
export const TURN_COLUMNS = [
  'tenant_id', 'id', 'principal_id', 'kind', 'conversation_id', 'parent_id', 'status', 'settings', 'metadata', 'background',
  'stored', 'request_id', 'input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens', 'usage_estimated',
  'cost_micros', 'cost_incomplete', 'error', 'incomplete_reason', 'answered_by', 'last_sequence', 'created_at', 'completed_at',
].map((column) => `t.${column}`).join(', '); // prettier-ignore

export const ITEM_COLUMNS = 'i.turn_id, i.step, i.index, i.direction, i.data';

export const TOOL_CALL_COLUMNS = [
  'turn_id', 'step', 'call_index', 'item_id', 'model_call_id', 'name', 'kind', 'arguments', 'effect', 'item_type', 'status',
  'attempt', 'result', 'full_result', 'result_hash', 'error', 'duration_ms',
].map((column) => `k.${column}`).join(', '); // prettier-ignore

export function fromTurnRow(row: TurnRow): TurnRecord {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    principalId: row.principal_id,
    kind: row.kind as TurnRecord['kind'],
    conversationId: row.conversation_id,
    parentId: row.parent_id,
    status: row.status as TurnStatus,
    settings: objectColumn(row.settings, 'turns.settings') as TurnSettings,
    metadata: objectColumn(row.metadata, 'turns.metadata') as Record<string, string>,
    background: row.background,
    stored: row.stored,
    requestId: row.request_id,
    usage: {
      inputTokens: Number(row.input_tokens),
      cachedTokens: Number(row.cached_tokens),
      outputTokens: Number(row.output_tokens),
      reasoningTokens: Number(row.reasoning_tokens),
      estimated: row.usage_estimated,
    },
    costMicros: Number(row.cost_micros),
    costIncomplete: row.cost_incomplete,
    error: nullableObjectColumn(row.error, 'turns.error') as TurnError | null,
    incompleteReason: row.incomplete_reason as IncompleteReason | null,
    answeredBy: row.answered_by,
    lastSequence: row.last_sequence === null ? null : Number(row.last_sequence),
    createdAtMs: row.created_at.getTime(),
    completedAtMs: row.completed_at?.getTime() ?? null,
  };
}

/** A turn as JSON with the names of its columns, for `jsonb_populate_recordset(null::turns, …)`. */
export function toTurnJson(turn: TurnRecord, depth: number): Record<string, unknown> {
  return {
    tenant_id: turn.tenantId,
    id: turn.id,
    principal_id: turn.principalId,
    kind: turn.kind,
    conversation_id: turn.conversationId,
    parent_id: turn.parentId,
    depth,
    status: turn.status,
    settings: turn.settings,
    metadata: turn.metadata,
    background: turn.background,
    stored: turn.stored,
    request_id: turn.requestId,
    input_tokens: turn.usage.inputTokens,
    cached_tokens: turn.usage.cachedTokens,
    output_tokens: turn.usage.outputTokens,
    reasoning_tokens: turn.usage.reasoningTokens,
    usage_estimated: turn.usage.estimated,
    cost_micros: turn.costMicros,
    cost_incomplete: turn.costIncomplete,
    error: turn.error,
    incomplete_reason: turn.incompleteReason,
    answered_by: turn.answeredBy,
    next_sequence: 0,
    last_sequence: turn.lastSequence,
    created_at: new Date(turn.createdAtMs).toISOString(),
    completed_at: turn.completedAtMs === null ? null : new Date(turn.completedAtMs).toISOString(),
  };
}

export function fromItemRow(row: ItemRow): StoredItem {
  return {
    turnId: row.turn_id,
    step: row.step,
    index: row.index,
    direction: row.direction as StoredItem['direction'],
    item: objectColumn(row.data, 'items.data') as Item,
  };
}

/** Items as one JSON text, for `jsonb_to_recordset`: one parameter and one statement however many there are. */
export function toItemsJson(items: readonly Item[], firstIndex = 0): string {
  return JSON.stringify(
    items.map((item, position) => ({
      index: firstIndex + position,
      item_id: item.id,
      type: item.type,
      data: item,
      text: toSearchText(item),
    })),
  );
}

export function toSearchText(item: Item): string {
  return itemText(item).slice(0, SEARCH_TEXT_MAX_CHARS);
}

export function fromToolCallRow(row: ToolCallRow): ToolCallRecord {
  return {
    turnId: row.turn_id,
    step: row.step,
    callIndex: row.call_index,
    itemId: row.item_id,
    modelCallId: row.model_call_id,
    name: row.name,
    kind: row.kind as ToolCallRecord['kind'],
    arguments: row.arguments,
    effect: row.effect as ToolCallRecord['effect'],
    itemType: row.item_type as ToolCallRecord['itemType'],
    status: row.status as ToolCallRecord['status'],
    attempt: row.attempt,
    result: row.result,
    fullResult: row.full_result,
    resultHash: row.result_hash,
    error: nullableObjectColumn(row.error, 'tool_calls.error') as TurnError | null,
    durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
  };
}

export function errorJson(error: TurnError | null): string | null {
  return toNullableJson(error);
}

/** A title from the first words of the user: one line, at most 80 characters; null when they wrote no text. */
export function titleFrom(items: readonly Item[]): string | null {
  for (const item of items) {
    if (item.type !== 'message' || item.role !== 'user') continue;
    const text = itemText(item)
      .slice(0, 4 * TITLE_MAX_CHARS)
      .replace(/\s+/g, ' ')
      .trim();
    if (text === '') continue;
    // Cut between characters as people see them, not in the middle of a surrogate pair or an emoji.
    const characters = Array.from(GRAPHEMES.segment(text), ({ segment }) => segment);
    return text.length <= TITLE_MAX_CHARS ? text : `${cutTo(characters, TITLE_MAX_CHARS - 1).trimEnd()}…`;
  }
  return null;
}

function cutTo(characters: readonly string[], maxLength: number): string {
  let cut = '';
  for (const character of characters) {
    if (cut.length + character.length > maxLength) break;
    cut += character;
  }
  return cut;
}
