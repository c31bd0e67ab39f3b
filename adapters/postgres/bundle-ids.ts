/** New ids for an imported conversation, and the checks that its turns form a tree. Pure. */
import { failure } from '../../domain/failures.js';
import type { IdKind } from '../../domain/ids.js';
import { newId } from '../../domain/ids.js';
import type { Item } from '../../domain/item.js';
import type { ConversationBundle } from '../../domain/ports/conversation-store.js';
import type { StoredItem, TurnRecord } from '../../domain/turn.js';

export interface ImportPlan {
  readonly conversationId: string;
  readonly headTurnId: string | null;
  /** New id of a turn of the bundle. */
  turnIdOf(oldId: string): string;
  /** Distance to the root; parents are always nearer. */
  depthOf(oldId: string): number;
  /** The item with every id in it replaced. */
  renamed(item: Item): Item;
}

const ID_KINDS: Record<Item['type'], IdKind> = {
  message: 'message',
  reasoning: 'reasoning',
  function_call: 'functionCall',
  function_call_output: 'functionCallOutput',
  code_interpreter_call: 'codeInterpreterCall',
  web_search_call: 'webSearchCall',
  'turnstone:tool_call': 'genericToolCall',
  compaction: 'compaction',
  mcp_approval_request: 'approval',
  mcp_approval_response: 'approvalResponse',
};
/** Fields that hold ids; text that happens to read like an id is left alone. */
const ID_FIELD = /(^|_)id$/;

/** @throws `request.invalid`: a turn or a place twice, a parent or head that is not in the bundle, a circle. */
export function planImport(bundle: ConversationBundle): ImportPlan {
  const turns = new Map<string, TurnRecord>();
  for (const { turn } of bundle.turns) {
    if (turns.has(turn.id)) throw broken(`the turn ${turn.id} is in it twice`);
    turns.set(turn.id, turn);
  }
  const ids = new Map<string, string>();
  for (const { turn, items } of bundle.turns) {
    ids.set(turn.id, newId('response', turn.createdAtMs));
    requireOwnPlaces(turn.id, items);
    for (const { item } of items) ids.set(item.id, newId(ID_KINDS[item.type], turn.createdAtMs));
  }
  const turnIdOf = (oldId: string): string => {
    const id = turns.has(oldId) ? ids.get(oldId) : undefined;
    if (id === undefined) throw broken(`the turn ${oldId} is named but not in it`);
    return id;
  };
  const depths = depthsOf(turns);
  const { headTurnId } = bundle.conversation;
  return {
    conversationId: newId('conversation', bundle.conversation.createdAtMs),
    headTurnId: headTurnId === null ? null : turnIdOf(headTurnId),
    turnIdOf,
    depthOf: (oldId) => depths.get(oldId) ?? 0,
    renamed: (item) => rename(item, ids) as Item,
  };
}

function requireOwnPlaces(turnId: string, items: readonly StoredItem[]): void {
  const places = new Set(items.map(({ step, index }) => `${step}/${index}`));
  if (places.size < items.length) throw broken(`two items of ${turnId} have the same place`);
  const unknown = items.find(({ item }) => !Object.hasOwn(ID_KINDS, item.type));
  if (unknown !== undefined) throw broken(`an item of ${turnId} has an unknown type`);
}

/** Walks up from each turn without recursion: a bundle may be one long chain. */
function depthsOf(turns: ReadonlyMap<string, TurnRecord>): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  for (const start of turns.values()) {
    const climbed: string[] = [];
    const seen = new Set<string>();
    let turn: TurnRecord | undefined = start;
    while (turn !== undefined && !depths.has(turn.id)) {
      if (seen.has(turn.id)) throw broken(`the turn ${turn.id} is its own ancestor`);
      seen.add(turn.id);
      climbed.push(turn.id);
      if (turn.parentId !== null && !turns.has(turn.parentId)) throw broken(`the parent ${turn.parentId} is not in it`);
      turn = turn.parentId === null ? undefined : turns.get(turn.parentId);
    }
    let depth = turn === undefined ? -1 : (depths.get(turn.id) ?? -1);
    for (const id of climbed.reverse()) depths.set(id, (depth += 1));
  }
  return depths;
}

function rename(value: unknown, ids: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((inner) => rename(inner, ids));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [
      key,
      typeof inner === 'string' && ID_FIELD.test(key) ? (ids.get(inner) ?? inner) : rename(inner, ids),
    ]),
  );
}

function broken(why: string): Error {
  return failure('request.invalid', `the conversation cannot be imported: ${why}`, { param: 'turns' });
}
