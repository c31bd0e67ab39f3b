/**
 * Whose rows a query may touch: the tenant's, and within it the principal's own, unless the scope sees the whole tenant.
 * Row-level security says the same a second time; a query that forgets this condition still shows nothing of others.
 */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { failure } from '../../domain/failures.js';
import { principalIdSchema, seesWholeTenant, tenantIdSchema } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';

/** Stands for every principal of the tenant; no principal id can be this. */
export const WHOLE_TENANT = '*';

/** The value of `turnstone.principal`: one principal, or all of the tenant. */
export function reachOf(scope: Scope): string {
  return seesWholeTenant(scope) ? WHOLE_TENANT : scope.principalId;
}

/**
 * The condition on `tenant_id` and `principal_id` that each query on owned rows carries, for a table or its alias.
 *
 * The text is the same for both reaches, so that a statement is prepared once.
 */
export function owned(scope: Scope, alias?: string): RawBuilder<boolean> {
  const column = (name: string): RawBuilder<unknown> => sql.ref(alias === undefined ? name : `${alias}.${name}`);
  const reach = reachOf(scope);
  return sql<boolean>`${column('tenant_id')} = ${scope.tenantId}::text
    and (${reach}::text = ${sql.lit(WHOLE_TENANT)} or ${column('principal_id')} = ${reach}::text)`;
}

/** Begin, role, tenant and principal in one round trip: this text takes no parameters, so the ids are checked, not escaped. */
export function beginAs(scope: Scope): string {
  if (!tenantIdSchema.safeParse(scope.tenantId).success) {
    throw failure(
      'request.invalid',
      'the tenant id is not valid: lower-case letters, digits, _ and -, at most 63 characters',
    );
  }
  const reach = reachOf(scope);
  if (!seesWholeTenant(scope) && !principalIdSchema.safeParse(reach).success) {
    throw failure('request.invalid', 'the principal id is not valid: letters, digits, _ . @ -, at most 128 characters');
  }
  return (
    `begin; set local role turnstone_app; set local turnstone.tenant = '${scope.tenantId}'; ` +
    `set local turnstone.principal = '${reach}'`
  );
}

/** For the rest of the transaction: what must be known of all principals to leave nobody's rows without their bytes. */
export const SEE_WHOLE_TENANT = `set local turnstone.principal = '${WHOLE_TENANT}'`;

/** @throws `server.internal` for the product's own scopes: they act for an owner and own nothing themselves. */
export function ownerId(scope: Scope): string {
  if (scope.wholeTenant !== true) return scope.principalId;
  throw failure(
    'server.internal',
    `the product itself (${scope.principalId}) owns no rows: act as the owner of the turn`,
  );
}
