/** `/v1/files/{id}`: bytes of inputs and of what tools made. Always as an attachment: nothing here renders in a browser. */
import { failure } from '../../domain/failures.js';
import { isId } from '../../domain/ids.js';
import type { FileRecord } from '../../domain/ports/file-store.js';
import type { Scope } from '../../domain/scope.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { deletedSchema, fileSchema } from '../schemas/answer-schemas.js';

const TAG = 'Files';
const notFound = (id: string): Error => failure('file.not-found', `There is no file '${id.slice(0, 128)}'.`);

async function requireFile(deps: ApiDeps, scope: Scope, id: string): Promise<FileRecord> {
  const file = isId(id) ? await deps.files.get(scope, id) : null;
  if (file === null) throw notFound(id);
  return file;
}

function toFileObject(file: FileRecord): object {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: Math.floor(file.createdAtMs / 1000),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed',
    mime_type: file.mimeType,
    sha256: file.sha256,
  };
}

function contentRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/files/{id}/content',
    operationId: 'getFileContent',
    summary: 'Download a file',
    tag: TAG,
    scope: 'read',
    answers: { 200: { description: 'The bytes', contentType: 'application/octet-stream' } },
    async handle({ caller, param, res }) {
      const file = await requireFile(deps, caller.scope, param('id'));
      const content = await deps.files.read(caller.scope, file.id);
      res.attachment(file.filename);
      res.setHeader('Content-Type', file.mimeType);
      res.setHeader('X-Content-Type-Options', 'nosniff');
      res.setHeader('Cache-Control', 'private, no-store');
      res.end(content);
    },
  });
}

export function createFileRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'get',
      path: '/v1/files/{id}',
      operationId: 'getFile',
      summary: 'Get what is known about a file',
      tag: TAG,
      scope: 'read',
      answers: { 200: { description: 'The file', schema: fileSchema } },
      async handle({ caller, param, res }) {
        res.json(toFileObject(await requireFile(deps, caller.scope, param('id'))));
      },
    }),
    contentRoute(deps),
    defineRoute({
      method: 'delete',
      path: '/v1/files/{id}',
      operationId: 'deleteFile',
      summary: 'Delete a file',
      tag: TAG,
      scope: 'write',
      answers: { 200: { description: 'Deleted', schema: deletedSchema } },
      async handle({ caller, param, res }) {
        const id = param('id');
        if (!isId(id) || !(await deps.files.remove(caller.scope, id))) throw notFound(id);
        res.json({ id, object: 'file', deleted: true });
      },
    }),
  ];
}
