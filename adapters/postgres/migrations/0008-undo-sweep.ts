/** Undos that were noted and whose workflow never started are found by the sweeper, whatever tenant they belong to. */
import { sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { admitSystem } from './row-level-security.js';

export const undoSweepMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(`create index tool_effects_undoing on tool_effects (undo_requested_at) where undo_status = 'running'`)
      .execute(db);
    await admitSystem(db, { tool_effects: ['select'] });
  },
};
