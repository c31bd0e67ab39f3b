/** Steers in PostgreSQL. What each method promises is said in the port. */
import { failure } from '../../domain/failures.js';
import { isTerminal } from '../../domain/turn.js';
import type { NewSteer, SteerOutcome, SteerStore } from '../../domain/ports/steer-store.js';
import type { Scope } from '../../domain/scope.js';
import type { Steer } from '../../domain/steer.js';
import { tooManySteers } from './accept-objections.js';
import type { Connection, Database } from './database.js';
import { cancelSteer, findByKey, insertSteer, listSteers, readSteer } from './steer-writes.js';
import { violates } from './store-failure.js';
import { readTurn } from './turn-path.js';

/** The store of steers over a migrated database. */
export function createSteerStore(database: Database): SteerStore {
  const add = (scope: Scope, steer: NewSteer): Promise<SteerOutcome> =>
    database.write(scope, (connection) => addOnce(connection, scope, steer));
  return {
    add: (scope, steer) =>
      add(scope, steer).catch((error: unknown) => {
        // The same key at the same moment: now it is there to be found.
        if (violates(error, 'steers_idempotency')) return add(scope, steer);
        throw error;
      }),
    list: (scope, turnId) => database.read(scope, (connection) => listSteers(connection, scope, turnId)),
    cancel: (scope, turnId, steerId) =>
      database.write(scope, (connection) => cancelOnce(connection, scope, turnId, steerId)),
  };
}

async function addOnce(connection: Connection, scope: Scope, sent: NewSteer): Promise<SteerOutcome> {
  const { idempotencyKey: key, turnId } = sent;
  const known = key === null ? null : await findByKey(connection, scope, turnId, key);
  if (known !== null) {
    if (known.requestHash === sent.requestHash) return { kind: 'replayed', steer: known.steer };
    throw failure('request.idempotency-mismatch', 'this Idempotency-Key came with another body before; use a new key');
  }
  const steer = await insertSteer(connection, scope, sent);
  if (steer !== null) return { kind: 'steered', steer };
  const turn = await readTurn(connection, scope, sent.turnId);
  if (turn === null) throw failure('response.not-found', `there is no response ${sent.turnId}`);
  if (isTerminal(turn.status)) return { kind: 'ended', turn };
  if (turn.status === 'in_progress') throw tooManySteers(turn.id);
  throw failure(
    'response.not-steerable',
    `the response ${turn.id} waits itself; send another message with turnstone.on_conflict "queue", or cancel it and ask again`,
  );
}

async function cancelOnce(connection: Connection, scope: Scope, turnId: string, steerId: string): Promise<Steer> {
  await cancelSteer(connection, scope, turnId, steerId);
  const steer = await readSteer(connection, scope, steerId);
  if (steer?.turnId !== turnId) throw failure('steer.not-found', `there is no steer ${steerId} of ${turnId}`);
  if (steer.status === 'cancelled') return steer;
  const why =
    steer.status === 'moved'
      ? `it is answered by ${steer.answeredBy}, which can be cancelled`
      : `step ${String(steer.step)} of ${turnId} has read it`;
  throw failure('steer.picked-up', `the message ${steerId} no longer waits: ${why}`);
}
