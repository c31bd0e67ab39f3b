/** Stores over a test database with a tenant of their own, and the few moves that most tests of stores begin with. */
import { createConversationStore } from '../../adapters/postgres/conversation-store.js';
import { createSteerStore } from '../../adapters/postgres/steer-store.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { newId } from '../../domain/ids.js';
import { itemText } from '../../domain/item.js';
import type { ConversationStore } from '../../domain/ports/conversation-store.js';
import type { SteerStore } from '../../domain/ports/steer-store.js';
import type { NewTurn, TurnStore } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { StoredItem, TurnRecord } from '../../domain/turn.js';
import type { TestDatabase } from './database.js';
import { aMessage, anAnswer, aNewTurn, aStepCommit } from './turn-builders.js';

export interface StoreBench {
  readonly turns: TurnStore;
  readonly conversations: ConversationStore;
  readonly steers: SteerStore;
  readonly scope: Scope;
  /** @returns the id of a new conversation. */
  aConversation(title?: string): Promise<string>;
  /** A turn that was asked and answered, with `re: <question>` unless told otherwise. */
  answered(question: string, changes?: Partial<NewTurn>, answer?: string): Promise<TurnRecord>;
  /** The texts of the turn's context. */
  pathOf(turnId: string): Promise<string[]>;
}

export async function aStoreBench({ database, newScope }: TestDatabase): Promise<StoreBench> {
  const turns = createTurnStore(database);
  const conversations = createConversationStore(database);
  const scope = await newScope();
  return {
    turns,
    conversations,
    steers: createSteerStore(database),
    scope,
    aConversation: async (title) => {
      const made = await conversations.create(scope, { id: newId('conversation'), title: title ?? null, metadata: {} });
      return made.id;
    },
    answered: async (question, changes = {}, answer = `re: ${question}`) => {
      const { turn } = await turns.accept(scope, aNewTurn({ input: [aMessage(question)], ...changes }));
      await turns.commitStep(scope, aStepCommit({ turnId: turn.id, items: [anAnswer(answer)] }));
      return turn;
    },
    pathOf: async (turnId) => textsOf((await turns.loadContext(scope, turnId))?.path ?? []),
  };
}

export function textsOf(items: readonly StoredItem[]): string[] {
  return items.map(({ item }) => itemText(item));
}
