/**
 * Ids of workflows: `<kind>/<tenant>/<rest>`. The tenant stands in the id because the id is all that is known of a workflow
 * wherever its payloads are encoded: the tenant's key encrypts them. Ids are readable by operators: no personal data. Zod-free.
 */

export function workflowIdOf(kind: string, tenantId: string, rest: string): string {
  return `${kind}/${tenantId}/${rest}`;
}

const WITH_TENANT = /^[a-z][a-z-]*\/([a-z0-9][a-z0-9_-]{0,62})\/./;
/** Before 0.2.0: `turn/resp_…`, `conversation/conv_…`. */
const WITHOUT_TENANT = /^(turn|conversation)\/[a-z]{2,5}_[0-9a-z]+$/;

/** @returns null for an id of a version before 0.2.0. @throws for an id of any other form: it would leave payloads readable. */
export function tenantOfWorkflow(workflowId: string): string | null {
  const tenantId = WITH_TENANT.exec(workflowId)?.[1];
  if (tenantId !== undefined) return tenantId;
  if (WITHOUT_TENANT.test(workflowId)) return null;
  throw new Error(`the workflow id ${workflowId} names no tenant: make it with workflowIdOf`);
}
