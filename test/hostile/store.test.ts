/**
 * Proves over a real database that no text in a search, an id, a cursor or content changes what a query means: nothing of another
 * owner comes back, nothing is lost, and no query fails as SQL.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConversationStore } from '../../adapters/postgres/conversation-store.js';
import { isFailure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import { openTestPglite } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { aStoreBench } from '../support/store-bench.js';
import type { StoreBench } from '../support/store-bench.js';
import { countCases } from './case-count.js';
import { TEXTS } from './http-corpus.js';

const FOREIGN = 'canary of another tenant';
let opened: TestDatabase;
let bench: StoreBench;
let other: StoreBench;

beforeAll(async () => {
  opened = await openTestPglite();
  bench = await aStoreBench(opened);
  other = await aStoreBench(opened);
  const foreign = await other.aConversation(FOREIGN);
  await other.answered(FOREIGN, { conversationId: foreign });
});
afterAll(() => opened.close());

/** What text columns hold: the API lets nothing else through. */
const storable = TEXTS.map((text) => Buffer.from(text).toString().replaceAll('\0', ''));

/** A refusal by name is an answer; an error of the database is a hole. */
async function answerOf(query: Promise<unknown>): Promise<string> {
  return query.then(
    (value) => JSON.stringify(value),
    (error: unknown) => {
      if (isFailure(error) && error.code !== 'store.unavailable' && error.code !== 'server.internal') return error.code;
      throw error;
    },
  );
}

describe('texts that look like SQL', () => {
  it('as a search, a cursor and an id -> nothing of others, no SQL error, everything still there', async () => {
    const conversations = createConversationStore(opened.database);
    const page = { archived: 'any' as const, after: null, limit: 20, order: 'desc' as const };
    for (const text of storable) {
      const answers = await Promise.all([
        answerOf(conversations.list(bench.scope, { ...page, q: text })),
        answerOf(conversations.list(bench.scope, { ...page, q: null, after: text })),
        answerOf(conversations.get(bench.scope, text)),
        answerOf(conversations.items(bench.scope, text, { after: text, limit: 20, order: 'asc' })),
        answerOf(bench.turns.get(bench.scope, text)),
        answerOf(bench.turns.fullResult(bench.scope, text, text)),
      ]);
      expect(answers.join()).not.toContain(FOREIGN);
    }
    expect(await other.turns.get(other.scope, newId('response'))).toBeNull();
    expect(
      (await createConversationStore(opened.database).list(other.scope, { ...page, q: 'canary' })).hits,
    ).toHaveLength(1);
    countCases({
      corpus: 'texts that look like SQL, over a database',
      required: 'no other meaning, no SQL error',
      payloads: storable.length * 6,
    });
  });

  it('as content -> stored and found as they are', async () => {
    for (const text of storable.filter((each) => each.length < 1_000)) {
      const id = await bench.aConversation(text);
      const turn = await bench.answered(text, { conversationId: id });
      expect((await bench.pathOf(turn.id))[0]).toBe(text);
      expect((await createConversationStore(opened.database).get(bench.scope, id))?.title).toBe(text);
    }
    countCases({
      corpus: 'texts that look like SQL, as content',
      required: 'stored as they are',
      payloads: storable.length,
    });
  });
});
