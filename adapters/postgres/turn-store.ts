/** Turns in PostgreSQL. What each method promises is said in the port; each is one transaction of one or two statements. */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { TurnStore } from '../../domain/ports/turn-store.js';
import { acceptTurn } from './accept-turn.js';
import type { Database } from './database.js';
import { owned } from './ownership.js';
import { replaceItem } from './replace-item.js';
import { claimStep, commitStep, recordCalls, reserveSequence } from './step-writes.js';
import { claimTool, commitTool } from './tool-call-writes.js';
import { finishTurn, listOpenTurns, purgeUnstoredTurns, removeTurn } from './turn-endings.js';
import { loadStepContext, pagePath, readFullResult, readOutput, readTurn } from './turn-path.js';

import { beginNext, cancelQueued, listStrandedTurns, readQueuePosition } from './waiting-turns.js';

/** The store of turns over a migrated database. Safe to make more than once. */
export function createTurnStore(database: Database): TurnStore {
  return {
    accept: (scope, turn) => acceptTurn(database, scope, turn),
    get: (scope, turnId) => database.read(scope, (connection) => readTurn(connection, scope, turnId)),
    output: (scope, turnId) => database.read(scope, (connection) => readOutput(connection, scope, turnId)),
    inputItems: (scope, turnId, page) =>
      database.read(scope, async (connection) => {
        const turn = await readTurn(connection, scope, turnId);
        if (turn === null) throw failure('response.not-found', `there is no response ${turnId}`);
        return pagePath(connection, scope, turnId, page, turnId);
      }),
    loadContext: (scope, turnId) => database.read(scope, (connection) => loadStepContext(connection, scope, turnId)),
    claimStep: (scope, step) => database.write(scope, (connection) => claimStep(connection, scope, step)),
    commitStep: (scope, commit) => database.write(scope, (connection) => commitStep(connection, scope, commit)),
    recordCalls: (scope, attempt) => database.write(scope, (connection) => recordCalls(connection, scope, attempt)),
    claimTool: (scope, key) => database.write(scope, (connection) => claimTool(connection, scope, key)),
    commitTool: (scope, receipt) => database.write(scope, (connection) => commitTool(connection, scope, receipt)),
    finish: (scope, turnId, ending) =>
      database.write(scope, (connection) => finishTurn(connection, scope, turnId, ending)),
    cancelQueued: (scope, turnId) => database.write(scope, (connection) => cancelQueued(connection, scope, turnId)),
    findQueuePosition: (scope, turnId) =>
      database.read(scope, (connection) => readQueuePosition(connection, scope, turnId)),
    beginNext: (scope, conversationId) =>
      database.write(scope, (connection) => beginNext(connection, scope, conversationId)),
    reserveSequence: (scope, turnId) =>
      database.write(scope, (connection) => reserveSequence(connection, scope, turnId)),
    recordLastSequence: (scope, turnId, lastSequence) =>
      database.write(scope, async (connection) => {
        await sql`
          update turns set last_sequence = greatest(last_sequence, ${lastSequence}::bigint)
          where ${owned(scope)} and id = ${turnId}::text`.execute(connection);
      }),
    replaceItem: (scope, place, item, by) =>
      database.write(scope, (connection) => replaceItem(connection, scope, place, item, by)),
    fullResult: (scope, turnId, itemId) =>
      database.read(scope, (connection) => readFullResult(connection, scope, turnId, itemId)),
    remove: (scope, turnId) => database.write(scope, (connection) => removeTurn(connection, scope, turnId)),
    listOpen: (olderThanMs, limit, after) =>
      database.system((connection) => listOpenTurns(connection, new Date(Date.now() - olderThanMs), limit, after)),
    listStranded: (olderThanMs, limit) =>
      database.system((connection) => listStrandedTurns(connection, new Date(Date.now() - olderThanMs), limit)),
    purgeUnstored: (endedBeforeMs, limit) =>
      database.system((connection) => purgeUnstoredTurns(connection, new Date(endedBeforeMs), limit)),
  };
}
