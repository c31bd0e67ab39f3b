/** `/v1/admin/backups`: copies of the embedded database and its files, made while the server works. For the server's operator. */
import { z } from 'zod';
import { failure } from '../../domain/failures.js';
import type { BackupRecord, BackupStore } from '../../domain/ports/backup-store.js';
import { DEFAULT_TENANT } from '../../domain/scope.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { toList } from '../projections/item-list.js';
import type { Caller } from '../request-context.js';
import { closedObject } from '../schemas/closed-object.js';

const TAG = 'Administration';

const backupSchema = z
  .object({
    id: z.string(),
    object: z.literal('backup'),
    kind: z.enum(['snapshot', 'backup']),
    path: z.string().describe('On the server’s disk.'),
    created_at: z.int(),
    bytes: z.int(),
    files: z.int(),
  })
  .meta({ id: 'Backup' });
const backupListSchema = z
  .object({ object: z.literal('list'), data: z.array(backupSchema), has_more: z.boolean() })
  .loose()
  .meta({ id: 'BackupList' });

const backupCreateSchema = closedObject({
  kind: z.enum(['backup', 'snapshot']).default('backup').describe('`snapshot`: the database without files and key.'),
}).meta({ id: 'BackupCreate', example: { kind: 'backup' } });

function toBackupObject(record: BackupRecord): z.infer<typeof backupSchema> {
  const { kind, name, path, createdAtMs, bytes, fileCount } = record;
  return {
    id: name,
    object: 'backup',
    kind,
    path,
    created_at: Math.floor(createdAtMs / 1000),
    bytes,
    files: fileCount,
  };
}

/** A backup holds all tenants: the operator's own admin may make one, nobody else's. */
function requireBackups(deps: ApiDeps, caller: Caller): BackupStore {
  if (caller.scope.tenantId !== DEFAULT_TENANT) {
    throw failure(
      'auth.forbidden',
      'Backups hold all tenants: only an admin key of the operator may make and list them.',
    );
  }
  if (deps.backups === null) {
    throw failure(
      'request.not-available',
      'This server uses a PostgreSQL of its own: back it up with pg_dump or pg_basebackup, and the files folder with it.',
    );
  }
  return deps.backups;
}

export function createBackupRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'post',
      path: '/v1/admin/backups',
      operationId: 'createBackup',
      summary: 'Back up the embedded database',
      description:
        'Turns go on meanwhile. Everything acknowledged before the call is in it. Restore with `turnstone restore`.',
      tag: TAG,
      scope: 'admin',
      body: backupCreateSchema,
      answers: { 201: { description: 'Where the backup lies', schema: backupSchema } },
      async handle({ body, caller, res }) {
        res.status(201).json(toBackupObject(await requireBackups(deps, caller).create(body.kind)));
      },
    }),
    defineRoute({
      method: 'get',
      path: '/v1/admin/backups',
      operationId: 'listBackups',
      summary: 'List backups and snapshots',
      tag: TAG,
      scope: 'admin',
      answers: { 200: { description: 'Newest first', schema: backupListSchema } },
      async handle({ caller, res }) {
        res.json(toList((await requireBackups(deps, caller).list()).map(toBackupObject), false));
      },
    }),
  ];
}
