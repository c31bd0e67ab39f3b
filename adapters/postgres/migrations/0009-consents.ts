/** A remembered approval can stop being a consent without ceasing to be what was decided. */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';

export const consentsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('alter table approvals add column consent_ended_at timestamptz').execute(db);
  },
};
