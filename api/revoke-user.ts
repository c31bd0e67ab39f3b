/**
 * Takes a user out: from the commit on no key of theirs is valid and no step of their turns begins; what runs at this
 * moment is cancelled on both roads.
 */
import { failure, toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import type { TenantUser } from '../domain/ports/tenant-directory.js';
import type { Scope } from '../domain/scope.js';
import type { ApiDeps } from './api-deps.js';

/** Turns asked to stop at a time; the rest stops at its next step anyway. */
const MAX_TURNS = 1_000;
const AT_ONCE = 20;

export function noUser(principalId: string): Error {
  return failure(
    'user.not-found',
    `There is no user '${principalId.slice(0, 128)}' in this tenant. GET /v1/admin/users lists them.`,
  );
}

/** @throws `user.not-found`; `request.invalid` for the caller themselves. */
export async function revokeUser(
  deps: ApiDeps,
  { scope, logger }: { scope: Scope; logger: Logger },
  principalId: string,
): Promise<{ user: TenantUser; stopped: number }> {
  if (principalId === scope.principalId) {
    throw failure('request.invalid', 'You cannot revoke yourself: nobody might be left to take it back.', {
      param: 'principal',
    });
  }
  const user = await deps.directory.revokeUser(scope, principalId);
  if (user === null) throw noUser(principalId);
  const turns = await deps.directory.openTurns(scope, principalId, MAX_TURNS);
  for (let at = 0; at < turns.length; at += AT_ONCE) {
    const roads = turns.slice(at, at + AT_ONCE).flatMap(({ turnId, conversationId }) => {
      const ref = { tenantId: scope.tenantId, turnId };
      return [deps.events.requestCancel(ref), deps.engine.cancel({ ...ref, conversationId })];
    });
    for (const road of await Promise.allSettled(roads)) {
      if (road.status === 'rejected')
        logger.warn(
          { err: toError(road.reason) },
          'a road to a turn of a revoked user is closed; its next step will not begin',
        );
    }
  }
  logger.info({ revokedPrincipalId: principalId, turns: turns.length }, 'user revoked');
  return { user, stopped: turns.length };
}
