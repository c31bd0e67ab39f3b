/**
 * Sealed provider keys in PostgreSQL. The database deletes them itself (a trigger of 0006) in whatever transaction ends the turn; what is
 * written to its log on the way is the sealed form.
 */
import { sql } from 'kysely';
import { failure, isFailure } from '../../domain/failures.js';
import type { SecretBox } from '../../domain/ports/secret-box.js';
import type { TurnCredentials } from '../../domain/ports/turn-credentials.js';
import type { TurnRecord } from '../../domain/turn.js';
import type { Connection, Database } from './database.js';

/** Turn and origin: a row that was moved to another turn, or a provider that moved to another host, opens nothing. */
const contextOf = (turnId: string, origin: string): string => `provider-key/${turnId}/${origin}`;

export function createTurnCredentials(database: Database, box: SecretBox): TurnCredentials {
  return {
    available: box.available,
    seal: ({ tenantId }, turnId, { origin, apiKey }) =>
      box.seal(tenantId, contextOf(turnId, origin), Buffer.from(apiKey, 'utf8')),
    open: async (scope, turnId, origin) => {
      const row = await database.read(scope, (connection) =>
        connection
          .selectFrom('turn_credentials')
          .select('sealed')
          .where('tenant_id', '=', scope.tenantId)
          .where('turn_id', '=', turnId)
          .executeTakeFirst(),
      );
      if (row === undefined) throw missing(turnId);
      try {
        const opened = await box.open(scope.tenantId, contextOf(turnId, origin), row.sealed);
        return { origin, apiKey: Buffer.from(opened).toString('utf8') };
      } catch (error) {
        if (isFailure(error) && error.code === 'secrets.unreadable') throw missing(turnId, error);
        throw error;
      }
    },
    purgeEnded: (limit) =>
      database.system(async (connection) => {
        const { numAffectedRows } = await sql`
          delete from turn_credentials c using (
            select k.tenant_id, k.turn_id from turn_credentials k join turns t on t.tenant_id = k.tenant_id and t.id = k.turn_id
            where t.status not in ('queued', 'in_progress') limit ${limit}::integer) gone
          where c.tenant_id = gone.tenant_id and c.turn_id = gone.turn_id`.execute(connection);
        return Number(numAffectedRows ?? 0n);
      }),
  };
}

function missing(turnId: string, cause?: unknown): Error {
  return failure(
    'credential.missing',
    `The provider key that came with ${turnId} is gone or was made for another provider address. Send the message again, with the key.`,
    { cause },
  );
}

/** Part of the transaction that accepts the turn, also one that waits for its turn. */
export async function insertCredential(
  connection: Connection,
  { tenantId, id, settings, createdAtMs }: TurnRecord,
  sealed: Uint8Array | undefined,
): Promise<void> {
  if (sealed === undefined) return;
  await connection
    .insertInto('turn_credentials')
    .values({
      tenant_id: tenantId,
      turn_id: id,
      provider: settings.providerKey?.provider ?? '',
      sealed: Buffer.from(sealed),
      created_at: new Date(createdAtMs),
    })
    .execute();
}
