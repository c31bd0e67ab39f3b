/**
 * Entries about what administrators change. Written after the change and before the answer: a crash in between costs the entry
 * of a change whose answer nobody got, and a new key that nobody has seen opens nothing. Asked again, a revocation is an entry.
 */
import type { AuditAction } from '../domain/audit.js';
import type { JsonObject } from '../domain/json.js';
import type { ApiDeps } from './api-deps.js';
import type { Caller, RequestContext } from './request-context.js';

/** @throws `store.unavailable`: the change was made, and the answer says that it is not known. */
export async function auditChange(
  deps: Pick<ApiDeps, 'audit'>,
  { caller, context }: { readonly caller: Caller; readonly context: Pick<RequestContext, 'requestId'> },
  action: AuditAction,
  subject: string,
  details: JsonObject = {},
): Promise<void> {
  const { tenantId, principalId } = caller.scope;
  await deps.audit.append(tenantId, { principalId, action, subject, details, requestId: context.requestId });
}
