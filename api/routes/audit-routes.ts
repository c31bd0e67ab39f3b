/** `/v1/audit`: who looked at what and changed what, for the tenant's administrators; and the tenant's encryption key, renewed. */
import type { AuditEntry } from '../../domain/audit.js';
import { failure } from '../../domain/failures.js';
import type { ApiDeps } from '../api-deps.js';
import { auditChange } from '../audit-change.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { toList } from '../projections/item-list.js';
import { auditCheckSchema, auditListSchema, auditQuerySchema, rotatedKeySchema } from '../schemas/audit-schemas.js';

const TAG = 'Administration';

function toEntryObject(entry: AuditEntry): { readonly id: string } & Readonly<Record<string, unknown>> {
  return {
    id: String(entry.number),
    object: 'audit_entry',
    number: entry.number,
    created_at: Math.floor(entry.atMs / 1000),
    principal: entry.principalId,
    action: entry.action,
    subject: entry.subject,
    details: entry.details,
    request_id: entry.requestId,
    previous_hash: entry.previousHash,
    hash: entry.hash,
  };
}

function rotateRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/admin/encryption_keys/rotate',
    operationId: 'rotateEncryptionKey',
    summary: 'Give the tenant a new encryption key',
    description: 'What is sealed from now on is sealed with it. What older keys sealed stays readable.',
    tag: TAG,
    scope: 'admin',
    answers: { 201: { description: 'The id of the key in use now', schema: rotatedKeySchema } },
    async handle({ caller, context, res }) {
      if (deps.keyRing === null) {
        throw failure('secrets.unavailable', 'This server has no master key: set TURNSTONE_MASTER_KEY.');
      }
      const id = await deps.keyRing.rotate(caller.scope.tenantId);
      await auditChange(deps, { caller, context }, 'encryption_key.rotated', id);
      res.status(201).json({ id, object: 'encryption_key' });
    },
  });
}

export function createAuditRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    rotateRoute(deps),
    defineRoute({
      method: 'get',
      path: '/v1/audit',
      operationId: 'listAudit',
      summary: 'List the audit trail',
      tag: TAG,
      scope: 'admin',
      query: auditQuerySchema,
      answers: { 200: { description: 'A page of entries', schema: auditListSchema } },
      async handle({ caller, query, res }) {
        const page = await deps.audit.list(caller.scope, { ...query, after: query.after ?? null });
        res.json(toList(page.entries.map(toEntryObject), page.hasMore));
      },
    }),
    defineRoute({
      method: 'get',
      path: '/v1/audit/check',
      operationId: 'checkAudit',
      summary: 'Check the audit trail’s chain of hashes',
      tag: TAG,
      scope: 'admin',
      answers: { 200: { description: 'Whether it is whole', schema: auditCheckSchema } },
      async handle({ caller, res }) {
        const { entries, brokenAt, lastHash } = await deps.audit.verify(caller.scope);
        res.json({ object: 'audit_check', entries, broken_at: brokenAt, last_hash: lastHash });
      },
    }),
  ];
}
