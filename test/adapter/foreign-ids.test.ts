/** Proven: what the stores answer for somebody else's ids is what they answer for unknown ones. */
import { expect, it } from 'vitest';
import { createConversationStore } from '../../adapters/postgres/conversation-store.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { createUsageStore } from '../../adapters/postgres/usage-store.js';
import { newId } from '../../domain/ids.js';
import { describeOnDatabases } from '../support/database.js';
import { fillTables } from '../support/filled-tables.js';
import { aScope } from '../support/scope-builders.js';
import { aMessage, anEnding, aNewTurn, aReceipt, aStepCommit } from '../support/turn-builders.js';

describeOnDatabases('ids of somebody else', (open) => {
  it.each(['another tenant', 'another user of the tenant'])(
    'ids used by %s -> unknown to every method',
    async (who) => {
      const { database } = open();
      const mine = await open().newScope();
      const theirs =
        who === 'another tenant' ? await open().newScope() : aScope({ tenantId: mine.tenantId, principalId: 'user-2' });
      const { conversationId, turnId, itemId } = await fillTables(database, mine);
      const turns = createTurnStore(database);
      const conversations = createConversationStore(database);
      const page = { after: null, limit: 5, order: 'asc' } as const;
      const key = { turnId, step: 1, callIndex: 0 };
      expect(await turns.get(theirs, turnId)).toBeNull();
      expect(await turns.output(theirs, turnId)).toEqual([]);
      expect(await turns.loadContext(theirs, turnId)).toBeNull();
      expect(await turns.commitStep(theirs, aStepCommit({ turnId }))).toBeNull();
      expect(await turns.commitTool(theirs, aReceipt(turnId))).toBe(false);
      expect(await turns.fullResult(theirs, turnId, itemId)).toBeNull();
      expect(await turns.remove(theirs, turnId)).toBe(false);
      expect(await conversations.get(theirs, conversationId)).toBeNull();
      expect(await conversations.update(theirs, conversationId, { title: 'mine now' })).toBeNull();
      expect(await conversations.remove(theirs, conversationId)).toBe(false);
      expect(await conversations.item(theirs, conversationId, itemId)).toBeNull();
      expect(await conversations.removeItem(theirs, conversationId, itemId)).toBe(false);
      expect(await conversations.export(theirs, conversationId)).toBeNull();
      const refused = {
        'response.not-found': [
          () => turns.inputItems(theirs, turnId, page),
          () => turns.claimStep(theirs, { turnId, step: 1 }),
          () => turns.finish(theirs, turnId, anEnding()),
          () => turns.reserveSequence(theirs, turnId),
          () => turns.accept(theirs, aNewTurn({ parentId: turnId })),
        ],
        'item.not-found': [
          () => turns.claimTool(theirs, key),
          () =>
            turns.replaceItem(theirs, { turnId, step: 0, index: 0 }, aMessage('mine now'), {
              turnId,
              step: 1,
              attempt: 1,
            }),
        ],
        'conversation.not-found': [
          () => turns.accept(theirs, aNewTurn({ conversationId })),
          () => conversations.items(theirs, conversationId, page),
          () => conversations.addItems(theirs, conversationId, newId('response'), []),
        ],
      };
      for (const [code, calls] of Object.entries(refused)) {
        for (const call of calls) await expect(call()).rejects.toMatchObject({ code });
      }
      await turns.recordLastSequence(theirs, turnId, 5);
      expect(await conversations.list(theirs, { ...page, q: null, archived: 'any' })).toMatchObject({ hits: [] });
      expect(await conversations.list(theirs, { ...page, q: 'secret', archived: 'any' })).toMatchObject({ hits: [] });
      expect(await createUsageStore(database).ofConversation(theirs, conversationId)).toMatchObject({ turns: 0 });
      expect(await createUsageStore(database).callsOf(theirs, turnId)).toEqual([]);
      expect(await turns.get(mine, turnId)).toMatchObject({ status: 'in_progress', lastSequence: null });
    },
  );
});
