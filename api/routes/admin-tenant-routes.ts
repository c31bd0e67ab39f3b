/** `/v1/admin/tenants`: for the operator. Their own tenant is the one the product made on its first start. */
import { failure } from '../../domain/failures.js';
import type { Tenant } from '../../domain/ports/tenant-directory.js';
import { DEFAULT_TENANT, ownerScope } from '../../domain/scope.js';
import type { ApiDeps } from '../api-deps.js';
import { auditChange } from '../audit-change.js';
import { createKey } from '../api-key-creation.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { toList } from '../projections/item-list.js';
import type { Caller } from '../request-context.js';
import { adminPageQuerySchema, tenantCreateSchema } from '../schemas/admin-request.js';
import { newTenantSchema, tenantListSchema } from '../schemas/answer-schemas.js';

const TAG = 'Administration';
const PAGE = 1_000;

/** @throws `auth.forbidden`. */
export function requireOperator({ scope }: Caller): void {
  if (scope.tenantId === DEFAULT_TENANT) return;
  throw failure(
    'auth.forbidden',
    `Tenants are managed by the operator: this needs an admin key of the tenant '${DEFAULT_TENANT}'.`,
  );
}

function toTenantObject({
  id,
  name,
  createdAtMs,
}: Tenant): { readonly id: string } & Readonly<Record<string, unknown>> {
  return { id, object: 'tenant', name, created_at: Math.floor(createdAtMs / 1000) };
}

export function createAdminTenantRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'post',
      path: '/v1/admin/tenants',
      operationId: 'createTenant',
      summary: 'Create a tenant and its first admin key',
      description: `Only with an admin key of the operator's tenant, '${DEFAULT_TENANT}'. The key is shown this once.`,
      tag: TAG,
      scope: 'admin',
      body: tenantCreateSchema,
      answers: { 201: { description: 'The tenant with its key', schema: newTenantSchema } },
      async handle({ body, caller, context, res }) {
        requireOperator(caller);
        const tenant = await deps.directory.createTenant(body.id, body.name);
        if (tenant === null)
          throw failure('tenant.exists', `There is a tenant '${body.id}' already. Choose another id.`, { param: 'id' });
        const admin = { ...ownerScope({ tenantId: tenant.id, principalId: body.admin }), scopes: ['admin'] as const };
        const key = await createKey(deps, admin, {
          principalId: body.admin,
          name: 'first admin key',
          scopes: ['read', 'write', 'admin'],
          expiresAtMs: null,
        });
        await auditChange(deps, { caller, context }, 'tenant.created', tenant.id);
        // In the trail of the new tenant too: its first key is the operator's doing.
        await deps.audit.append(tenant.id, {
          principalId: 'operator',
          action: 'key.created',
          subject: key.id,
          details: { principal: body.admin, scopes: ['read', 'write', 'admin'] },
          requestId: context.requestId,
        });
        context.logger.info({ createdTenantId: tenant.id }, 'tenant created');
        res.setHeader('Cache-Control', 'no-store');
        res.status(201).json({ ...toTenantObject(tenant), key });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/v1/admin/tenants',
      operationId: 'listTenants',
      summary: 'List tenants',
      description: `Only with an admin key of the operator's tenant, '${DEFAULT_TENANT}'.`,
      tag: TAG,
      scope: 'admin',
      query: adminPageQuerySchema,
      answers: { 200: { description: 'A page of tenants', schema: tenantListSchema } },
      async handle({ caller, query, res }) {
        requireOperator(caller);
        const tenants = await deps.directory.listTenants(query.after ?? null);
        res.json(toList(tenants.map(toTenantObject), tenants.length === PAGE));
      },
    }),
  ];
}
