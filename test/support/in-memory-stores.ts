/** Conversations, API keys and files in memory, over the same tables as the turns. They keep the promises of their ports. */
import { createHash } from 'node:crypto';
import { failure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import { itemText } from '../../domain/item.js';
import type { Conversation, ConversationStore } from '../../domain/ports/conversation-store.js';
import type { FileRecord, FileStore } from '../../domain/ports/file-store.js';
import type { UsageStore } from '../../domain/ports/usage-store.js';
import { addUsage, NO_USAGE } from '../../domain/pricing.js';
import type { Owner, Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import type { StoredItem } from '../../domain/turn.js';
import { aTurn } from './turn-builders.js';
import { conversationOf, inOrder, isMine, pageOf, pathTo, setConversation } from './in-memory-stores-tables.js';
import type { MemoryTables, TurnRow } from './in-memory-stores-tables.js';

const toRow = (turn: TurnRow['turn'], items: readonly StoredItem[]): TurnRow => ({
  turn,
  items: [...items],
  steps: new Map(),
  calls: [],
  idempotencyKey: null,
  requestHash: '',
  nextSequence: 0,
  queuePlace: 0,
  interrupts: null,
});

export function createInMemoryConversationStore(tables: MemoryTables): ConversationStore {
  const turnsOf = (id: string): TurnRow[] => [...tables.turns.values()].filter((row) => row.turn.conversationId === id);
  const requireIdle = (id: string): void => {
    const running = [...tables.turns.values()]
      .map((row) => row.turn)
      .find((turn) => turn.conversationId === id && !isTerminal(turn.status));
    if (running !== undefined) throw failure('conversation.busy', `${running.id} is still running in ${id}`);
  };
  const snippetOf = (conversation: Conversation, q: string): string | null => {
    const texts = [
      conversation.title ?? '',
      ...turnsOf(conversation.id).flatMap((row) => row.items.map(({ item }) => itemText(item))),
    ];
    const found = texts.find((text) => text.toLowerCase().includes(q.toLowerCase()));
    return found === undefined ? null : found.replace(new RegExp(q, 'i'), (hit) => `**${hit}**`);
  };
  return {
    async create(scope, conversation) {
      const now = Date.now();
      const made = {
        ...conversation,
        principalId: scope.principalId,
        archived: false,
        headTurnId: null,
        createdAtMs: now,
        updatedAtMs: now,
      };
      return setConversation(tables, scope, made);
    },
    get: async (scope, id) => conversationOf(tables, scope, id),
    async list(scope, query) {
      const own = [...tables.conversations.values()]
        .filter((row) => isMine(scope, { ...row.value, tenantId: row.tenantId }))
        .map((row) => row.value);
      const shown = own.filter((value) => query.archived === 'any' || value.archived === query.archived);
      const hits = shown
        .map((conversation) => ({ conversation, snippet: query.q === null ? null : snippetOf(conversation, query.q) }))
        .filter((hit) => query.q === null || hit.snippet !== null);
      const ordered = query.order === 'asc' ? hits : hits.reverse();
      const start = query.after === null ? 0 : ordered.findIndex((hit) => hit.conversation.id === query.after) + 1;
      const rest = ordered.slice(start);
      return { hits: rest.slice(0, query.limit), hasMore: rest.length > query.limit };
    },
    async update(scope, id, change) {
      const found = conversationOf(tables, scope, id);
      return found === null ? null : setConversation(tables, scope, { ...found, ...change, updatedAtMs: Date.now() });
    },
    async remove(scope, id) {
      if (conversationOf(tables, scope, id) === null) return false;
      requireIdle(id);
      for (const row of turnsOf(id)) tables.turns.delete(row.turn.id);
      return tables.conversations.delete(id);
    },
    async items(scope, id, page) {
      const head = conversationOf(tables, scope, id)?.headTurnId ?? null;
      return pageOf(
        pathTo(tables, scope, head).flatMap((row) => inOrder(row.items)),
        page,
      );
    },
    async item(scope, id, itemId) {
      if (conversationOf(tables, scope, id) === null) return null;
      return (
        turnsOf(id)
          .flatMap((row) => row.items)
          .find((stored) => stored.item.id === itemId) ?? null
      );
    },
    async addItems(scope, id, nodeId, items) {
      const found = conversationOf(tables, scope, id);
      if (found === null) throw failure('conversation.not-found', `there is no conversation ${id}`);
      requireIdle(id);
      const stored = items.map((item, index): StoredItem => ({
        turnId: nodeId,
        step: 0,
        index,
        direction: 'input',
        item,
      }));
      const node = aTurn({
        id: nodeId,
        tenantId: scope.tenantId,
        principalId: found.principalId,
        kind: 'items',
        conversationId: id,
        parentId: found.headTurnId,
      });
      tables.turns.set(nodeId, toRow(node, stored));
      setConversation(tables, scope, { ...found, headTurnId: nodeId });
      return stored;
    },
    async removeItem(scope, id, itemId) {
      if (conversationOf(tables, scope, id) === null) return false;
      const row = turnsOf(id).find((candidate) => candidate.items.some((stored) => stored.item.id === itemId));
      if (row === undefined) return false;
      row.items = row.items.filter((stored) => stored.item.id !== itemId);
      return true;
    },
    async export(scope, id) {
      const conversation = conversationOf(tables, scope, id);
      return conversation === null
        ? null
        : {
            conversation,
            turns: turnsOf(id)
              .filter(({ turn }) => turn.status !== 'queued')
              .map((row) => ({ turn: row.turn, items: inOrder(row.items) })),
          };
    },
    async import(scope, bundle) {
      const id = newId('conversation');
      const ids = new Map(bundle.turns.map(({ turn }) => [turn.id, newId('response')]));
      const renamed = (old: string | null): string | null => (old === null ? null : (ids.get(old) ?? null));
      for (const { turn, items } of bundle.turns) {
        const turnId = ids.get(turn.id) ?? turn.id;
        const own = {
          ...turn,
          id: turnId,
          tenantId: scope.tenantId,
          principalId: scope.principalId,
          conversationId: id,
          parentId: renamed(turn.parentId),
        };
        tables.turns.set(
          turnId,
          toRow(
            own,
            items.map((stored) => ({ ...stored, turnId, item: { ...stored.item, id: `${stored.item.id}0` } })),
          ),
        );
      }
      return setConversation(tables, scope, {
        ...bundle.conversation,
        id,
        principalId: scope.principalId,
        headTurnId: renamed(bundle.conversation.headTurnId),
      });
    },
  };
}

export function createInMemoryFileStore(): FileStore & { count(): number } {
  const files = new Map<string, Owner & { record: FileRecord; content: Uint8Array }>();
  const find = (scope: Scope, id: string): { record: FileRecord; content: Uint8Array } | null => {
    const row = files.get(id);
    return row !== undefined && isMine(scope, row) ? row : null;
  };
  return {
    count: () => files.size,
    async put(scope, { content, ...file }) {
      const sha256 = createHash('sha256').update(content).digest('hex');
      const record = { ...file, id: newId('file'), bytes: content.length, sha256, createdAtMs: Date.now() };
      files.set(record.id, { tenantId: scope.tenantId, principalId: scope.principalId, record, content });
      return record;
    },
    get: async (scope, id) => find(scope, id)?.record ?? null,
    async read(scope, id) {
      const row = find(scope, id);
      if (row === null) throw failure('file.not-found', `there is no file ${id}`);
      return row.content;
    },
    remove: async (scope, id) => find(scope, id) !== null && files.delete(id),
  };
}

/** Sums over the same tables; single calls are not kept here. */
export function createInMemoryUsageStore(tables: MemoryTables): UsageStore {
  return {
    async ofConversation(scope, conversationId) {
      const turns = [...tables.turns.values()]
        .map((row) => row.turn)
        .filter((turn) => isMine(scope, turn) && turn.conversationId === conversationId);
      return {
        turns: turns.length,
        usage: turns.map((turn) => turn.usage).reduce(addUsage, NO_USAGE),
        costMicros: turns.reduce((sum, turn) => sum + turn.costMicros, 0),
        costIncomplete: turns.some((turn) => turn.costIncomplete),
      };
    },
    callsOf: async () => [],
  };
}
