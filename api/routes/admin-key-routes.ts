/** `/v1/admin/keys`: API keys of the tenant. A key is shown once, when it is made. */
import { failure } from '../../domain/failures.js';
import { isId } from '../../domain/ids.js';
import type { ApiDeps } from '../api-deps.js';
import { auditChange } from '../audit-change.js';
import { createKey, toKeyObject } from '../api-key-creation.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { toList } from '../projections/item-list.js';
import { keyCreateSchema } from '../schemas/admin-request.js';
import { keyListSchema, keySchema, newKeySchema } from '../schemas/answer-schemas.js';

const TAG = 'Administration';
function createRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/admin/keys',
    operationId: 'createApiKey',
    summary: 'Create an API key',
    tag: TAG,
    scope: 'admin',
    body: keyCreateSchema,
    answers: { 201: { description: 'The key, this once', schema: newKeySchema } },
    async handle({ body, caller, context, res }) {
      const expiresAtMs = body.expires_at === null || body.expires_at === undefined ? null : body.expires_at * 1000;
      if (expiresAtMs !== null && expiresAtMs <= Date.now()) {
        throw failure(
          'request.invalid',
          'expires_at lies in the past. Send seconds since the epoch, or null for never.',
          { param: 'expires_at' },
        );
      }
      const principal = body.principal ?? caller.scope.principalId;
      const made = await createKey(deps, caller.scope, {
        principalId: principal,
        name: body.name,
        scopes: body.scopes,
        expiresAtMs,
      });
      await auditChange(deps, { caller, context }, 'key.created', made.id, { principal, scopes: [...body.scopes] });
      context.logger.info({ createdKeyId: made.id, scopes: body.scopes }, 'API key created');
      res.setHeader('Cache-Control', 'no-store');
      res.status(201).json(made);
    },
  });
}

export function createAdminKeyRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    createRoute(deps),
    defineRoute({
      method: 'get',
      path: '/v1/admin/keys',
      operationId: 'listApiKeys',
      summary: 'List API keys',
      tag: TAG,
      scope: 'admin',
      answers: { 200: { description: 'All keys of the tenant, without the keys themselves', schema: keyListSchema } },
      async handle({ caller, res }) {
        res.json(toList((await deps.apiKeys.list(caller.scope)).map(toKeyObject), false));
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/v1/admin/keys/{id}',
      operationId: 'revokeApiKey',
      summary: 'Revoke an API key',
      description: 'It stops working within 5 s everywhere, open event streams included.',
      tag: TAG,
      scope: 'admin',
      answers: { 200: { description: 'Revoked', schema: keySchema.pick({ id: true }).loose() } },
      async handle({ caller, context, param, res }) {
        const id = param('id');
        if (!isId(id) || !(await deps.apiKeys.revoke(caller.scope, id))) {
          throw failure('key.not-found', `There is no API key '${id.slice(0, 128)}'. GET /v1/admin/keys lists them.`);
        }
        await auditChange(deps, { caller, context }, 'key.revoked', id);
        context.logger.info({ revokedKeyId: id }, 'API key revoked');
        res.json({ id, object: 'api_key.deleted', deleted: true });
      },
    }),
  ];
}
