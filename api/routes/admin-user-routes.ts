/** `/v1/admin/users`: the users of the tenant, and taking them out or back in. */
import type { TenantUser } from '../../domain/ports/tenant-directory.js';
import { userHandle } from '../../domain/user-handle.js';
import type { ApiDeps } from '../api-deps.js';
import { auditChange } from '../audit-change.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { toList } from '../projections/item-list.js';
import { noUser, revokeUser } from '../revoke-user.js';
import { adminPageQuerySchema } from '../schemas/admin-request.js';
import { userListSchema, userSchema } from '../schemas/answer-schemas.js';

const TAG = 'Administration';
const PAGE = 1_000;
const toSeconds = (ms: number): number => Math.floor(ms / 1000);

async function toUserObject(
  tenantId: string,
  user: TenantUser,
): Promise<{ readonly id: string } & Readonly<Record<string, unknown>>> {
  return {
    id: user.principalId,
    object: 'user',
    live_keys: user.liveKeys,
    temporal_user: await userHandle(tenantId, user.principalId),
    created_at: toSeconds(user.createdAtMs),
    revoked_at: user.revokedAtMs === null ? null : toSeconds(user.revokedAtMs),
  };
}

export function createAdminUserRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'get',
      path: '/v1/admin/users',
      operationId: 'listUsers',
      summary: 'List the users of the tenant',
      description: 'Every principal a key was made for.',
      tag: TAG,
      scope: 'admin',
      query: adminPageQuerySchema,
      answers: { 200: { description: 'A page of users', schema: userListSchema } },
      async handle({ caller, query, res }) {
        const users = await deps.directory.listUsers(caller.scope, query.after ?? null);
        const objects = await Promise.all(users.map((user) => toUserObject(caller.scope.tenantId, user)));
        res.json(toList(objects, users.length === PAGE));
      },
    }),
    defineRoute({
      method: 'post',
      path: '/v1/admin/users/{principal}/revoke',
      operationId: 'revokeUser',
      summary: 'Revoke a user',
      description:
        'Within 5 s all their keys are dead, their open streams and waiting requests are ended and their running responses stop. ' +
        'Nothing they own is deleted.',
      tag: TAG,
      scope: 'admin',
      answers: { 200: { description: 'The user', schema: userSchema } },
      async handle({ caller, context, param, res }) {
        const { scope } = caller;
        const { user, stopped } = await revokeUser(deps, { scope, logger: context.logger }, param('principal'));
        await auditChange(deps, { caller, context }, 'user.revoked', user.principalId, { stopped_responses: stopped });
        res.json({ ...(await toUserObject(scope.tenantId, user)), stopped_responses: stopped });
      },
    }),
    defineRoute({
      method: 'post',
      path: '/v1/admin/users/{principal}/restore',
      operationId: 'restoreUser',
      summary: 'Take a revocation of a user back',
      description: 'Their keys work again, but those that were revoked one by one.',
      tag: TAG,
      scope: 'admin',
      answers: { 200: { description: 'The user', schema: userSchema } },
      async handle({ caller, context, param, res }) {
        const user = await deps.directory.restoreUser(caller.scope, param('principal'));
        if (user === null) throw noUser(param('principal'));
        await auditChange(deps, { caller, context }, 'user.restored', user.principalId);
        context.logger.info({ restoredPrincipalId: user.principalId }, 'user restored');
        res.json(await toUserObject(caller.scope.tenantId, user));
      },
    }),
  ];
}
