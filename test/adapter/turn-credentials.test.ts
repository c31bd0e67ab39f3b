/**
 * Proven, over both databases: a provider key is sealed in the row of its turn, opens for that turn and origin only, and is gone in the
 * transaction that ends the turn, whichever it is.
 */
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { createTenantKeyStore } from '../../adapters/postgres/tenant-key-store.js';
import { createTurnCredentials } from '../../adapters/postgres/turn-credentials.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import { createKeyRing } from '../../adapters/secrets/key-ring.js';
import { toMasterKey } from '../../adapters/secrets/master-key.js';
import { createSecretBox } from '../../adapters/secrets/secret-box.js';
import { newId } from '../../domain/ids.js';
import type { TurnCredentials } from '../../domain/ports/turn-credentials.js';
import type { TurnStore } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import { describeOnDatabases } from '../support/database.js';
import { aNewTurn, anEnding, aStepCommit, aStepResult, theSettings } from '../support/turn-builders.js';

const ORIGIN = 'https://fake.example';
const KEY = 'sk-of-the-caller-1234567890';
const master = toMasterKey(Buffer.alloc(32, 3));

describeOnDatabases('Turn credentials', (open) => {
  interface Bench {
    readonly scope: Scope;
    readonly turns: TurnStore;
    readonly credentials: TurnCredentials;
    readonly rows: () => Promise<number>;
    begin(): Promise<string>;
  }
  async function bench(): Promise<Bench> {
    const { database } = open();
    const scope = await open().newScope();
    const turns = createTurnStore(database);
    const ring = createKeyRing({ store: createTenantKeyStore(database), masterKeys: [master] });
    const credentials = createTurnCredentials(database, createSecretBox(ring));
    const begin = async (): Promise<string> => {
      const id = newId('response');
      const credential = await credentials.seal(scope, id, { origin: ORIGIN, apiKey: KEY });
      const settings = theSettings({ providerKey: { provider: 'fake', origin: ORIGIN } });
      await turns.accept(scope, aNewTurn({ id, settings, credential }));
      return id;
    };
    const rows = async (): Promise<number> =>
      database.read(scope, async (connection) => {
        const { rows: found } = await sql<{ n: string }>`select count(*) as n from turn_credentials`.execute(
          connection,
        );
        return Number(found[0]?.n);
      });
    return { scope, turns, credentials, rows, begin };
  }

  it('accepted with a turn -> opens for it; not for another turn, origin or tenant', async () => {
    const { scope, credentials, begin } = await bench();
    const [id, second] = [await begin(), await begin()];
    expect(await credentials.open(scope, id, ORIGIN)).toEqual({ origin: ORIGIN, apiKey: KEY });
    const missing = { code: 'credential.missing' };
    await expect(credentials.open(scope, id, 'https://evil.example')).rejects.toMatchObject(missing);
    await expect(credentials.open(scope, newId('response'), ORIGIN)).rejects.toMatchObject(missing);
    await expect(credentials.open(await open().newScope(), id, ORIGIN)).rejects.toMatchObject(missing);
    // Somebody with access to the database moves the row of one turn to another.
    await open().database.write(scope, (connection) =>
      sql`update turn_credentials set sealed = (select sealed from turn_credentials where turn_id = ${id}) where turn_id = ${second}`.execute(
        connection,
      ),
    );
    await expect(credentials.open(scope, second, ORIGIN)).rejects.toMatchObject(missing);
  });

  it('the row -> holds nothing readable', async () => {
    const { scope, begin } = await bench();
    await begin();
    const text = await open().database.read(scope, async (connection) => {
      const { rows } = await sql<{ row: string }>`select t::text as row from turn_credentials t`.execute(connection);
      return rows.map(({ row }) => row).join();
    });
    expect(text).not.toContain(KEY);
    expect(text).not.toContain(Buffer.from(KEY).toString('hex'));
  });

  it.each(['completed', 'failed', 'incomplete', 'cancelled'] as const)('finish as %s -> gone', async (status) => {
    const { scope, turns, credentials, rows, begin } = await bench();
    const id = await begin();
    expect(await rows()).toBe(1);
    await turns.finish(scope, id, anEnding({ status }));
    expect(await rows()).toBe(0);
    await expect(credentials.open(scope, id, ORIGIN)).rejects.toMatchObject({ code: 'credential.missing' });
  });

  it('the last step’s commit -> gone; a commit that goes on -> still there', async () => {
    const { scope, turns, rows, begin } = await bench();
    const id = await begin();
    const goesOn = aStepCommit({ turnId: id, ending: null, result: aStepResult({ outcome: 'calls' }) });
    expect(await turns.commitStep(scope, goesOn)).not.toBeNull();
    expect(await rows()).toBe(1);
    const { attempt } = await turns.claimStep(scope, { turnId: id, step: 2 });
    expect(await turns.commitStep(scope, aStepCommit({ turnId: id, step: 2, attempt }))).not.toBeNull();
    expect(await rows()).toBe(0);
  });

  it('a turn that could not be accepted -> leaves none', async () => {
    const { scope, turns, credentials, rows } = await bench();
    const id = newId('response');
    const credential = await credentials.seal(scope, id, { origin: ORIGIN, apiKey: KEY });
    const refused = turns.accept(scope, aNewTurn({ id, credential, conversationId: newId('conversation') }));
    await expect(refused).rejects.toMatchObject({ code: 'conversation.not-found' });
    expect(await rows()).toBe(0);
  });

  it('purge: one that is left over after its turn’s end -> deleted, those of open turns stay', async () => {
    const { scope, turns, credentials, rows, begin } = await bench();
    const [ended] = [await begin(), await begin()];
    await turns.finish(scope, ended, anEnding());
    await open().database.write(scope, (connection) =>
      sql`insert into turn_credentials select tenant_id, ${ended}, provider, sealed, created_at from turn_credentials`.execute(
        connection,
      ),
    );
    expect(await rows()).toBe(2);
    expect(await credentials.purgeEnded(100)).toBeGreaterThan(0);
    expect(await rows()).toBe(1);
  });
});
