/** Metadata of files in PostgreSQL. */
import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import type { FileIndex } from '../../domain/ports/file-index.js';
import type { FileRecord } from '../../domain/ports/file-store.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection, Database } from './database.js';
import { owned, ownerId, SEE_WHOLE_TENANT } from './ownership.js';
import type { FileTable } from './schema.js';

const COLUMNS = ['id', 'filename', 'mime_type', 'bytes', 'sha256', 'purpose', 'created_at'] as const;

/** The index of files over a migrated database. */
export function createFileIndex(database: Database): FileIndex {
  return {
    insert: (scope, file) =>
      database.write(scope, async (connection) => {
        await lockContent(connection, scope, file.sha256);
        await connection
          .insertInto('files')
          .values({
            tenant_id: scope.tenantId,
            id: file.id,
            principal_id: ownerId(scope),
            filename: file.filename,
            mime_type: file.mimeType,
            bytes: file.bytes,
            sha256: file.sha256,
            purpose: file.purpose,
            created_at: new Date(file.createdAtMs),
          })
          .execute();
      }),
    get: (scope, id) => database.read(scope, (connection) => readFile(connection, scope, id)),
    remove: (scope, id, onLastUse) =>
      database.write(scope, async (connection) => {
        const file = await readFile(connection, scope, id);
        if (file === null) return false;
        await lockContent(connection, scope, file.sha256);
        const { numDeletedRows } = await connection
          .deleteFrom('files')
          .where(owned(scope))
          .where('id', '=', id)
          .executeTakeFirst();
        if (numDeletedRows !== 1n) return false;
        // The same bytes may be another principal's file too.
        await sql.raw(SEE_WHOLE_TENANT).execute(connection);
        const other = await connection
          .selectFrom('files')
          .select('id')
          .where('tenant_id', '=', scope.tenantId)
          .where('sha256', '=', file.sha256)
          .limit(1)
          .executeTakeFirst();
        if (other === undefined) await onLastUse(file);
        return true;
      }),
  };
}

async function readFile(connection: Connection, scope: Scope, id: string): Promise<FileRecord | null> {
  const row = await connection
    .selectFrom('files')
    .select(COLUMNS)
    .where(owned(scope))
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : fromRow(row);
}

/** Until the end of the transaction: putting and removing the same content take turns. */
async function lockContent(connection: Connection, scope: Scope, sha256: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`${scope.tenantId}/${sha256}`}::text, 0))`.execute(
    connection,
  );
}

function fromRow(row: Omit<Selectable<FileTable>, 'tenant_id' | 'principal_id'>): FileRecord {
  return {
    id: row.id,
    filename: row.filename,
    mimeType: row.mime_type,
    bytes: Number(row.bytes),
    sha256: row.sha256,
    purpose: row.purpose as FileRecord['purpose'],
    createdAtMs: row.created_at.getTime(),
  };
}
