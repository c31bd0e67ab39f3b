/** One decision about one call: checked, written if it is the first, and told to the turn that waits for it. */
import { createHash } from 'node:crypto';
import { OVERTAKEN_REASON, approvalSubject } from '../domain/approval.js';
import type { ApprovalOrigin } from '../domain/approval.js';
import { failure, isFailure, toError } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import { isId } from '../domain/ids.js';
import type { Logger } from '../domain/ports/logger.js';
import type { ApprovalRecord, Decision, DecisionOutcome } from '../domain/ports/approval-store.js';
import { internalScope } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import type { TurnRecord } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import type { DecisionParams } from './schemas/approval-request.js';

export type DecideDeps = Pick<ApiDeps, 'approvals' | 'engine' | 'tools'>;

export interface DecideContext {
  readonly scope: Scope;
  readonly logger: Logger;
  readonly origin: ApprovalOrigin;
}

/** @throws `approval.not-found`. */
export async function requireApproval(
  deps: Pick<ApiDeps, 'approvals'>,
  scope: Scope,
  id: string,
  param?: string,
): Promise<ApprovalRecord> {
  const approval = isId(id) ? await deps.approvals.get(scope, id) : null;
  if (approval !== null) return approval;
  throw failure('approval.not-found', `There is no approval '${id.slice(0, 128)}'. GET /v1/approvals lists yours.`, {
    param,
  });
}

/**
 * @returns the approval with the decision that counts, and whether it is this one.
 * @throws `approval.not-found`, `approval.changed`, `request.invalid` (edited arguments, `remember` without a conversation).
 */
export async function decideApproval(
  deps: DecideDeps,
  context: DecideContext,
  id: string,
  params: DecisionParams,
): Promise<DecisionOutcome> {
  const { scope, logger, origin } = context;
  const approval = await requireApproval(deps, scope, id);
  const decision: Decision = {
    status: params.decision === 'approve' ? 'approved' : 'denied',
    origin,
    decidedBy: scope.principalId,
    reason: params.reason ?? null,
    edited: editedArguments(deps, approval, params),
    remember: remembered(approval, params),
    argumentsHash: params.arguments_hash ?? null,
  };
  const outcome = await deps.approvals.decide(scope, id, decision);
  const { status } = outcome.approval;
  if (outcome.decidedNow) logger.info({ approvalId: id, status, tool: approval.name }, 'approval decided');
  if (outcome.decidedNow || status === 'expired') await tell(deps, context, outcome.approval);
  return outcome;
}

function editedArguments(deps: DecideDeps, approval: ApprovalRecord, params: DecisionParams): Decision['edited'] {
  const edited = params.arguments ?? null;
  if (edited === null) return null;
  const refuse = (why: string): Failure =>
    failure('request.invalid', `'arguments' cannot be used: ${why}`, { param: 'arguments' });
  if (params.decision === 'deny') throw refuse('the call is denied. Leave them out, or approve.');
  const tool = deps.tools.find(({ name }) => name === approval.name);
  if (tool === undefined) throw refuse(`this server has no tool ${approval.name} to check them against.`);
  try {
    tool.checkArguments?.(edited);
  } catch (error) {
    throw isFailure(error) ? refuse(error.message) : error;
  }
  const text = JSON.stringify(edited);
  return { arguments: text, hash: createHash('sha256').update(approvalSubject(approval.name, text)).digest('hex') };
}

function remembered(approval: ApprovalRecord, { decision, remember }: DecisionParams): 'conversation' | null {
  if (remember === null || remember === undefined) return null;
  const why =
    decision === 'deny'
      ? 'only an approval can be remembered'
      : approval.conversationId === null
        ? 'the response is in no conversation'
        : null;
  if (why === null) return remember;
  throw failure('request.invalid', `'remember' cannot be used: ${why}. Leave it out.`, { param: 'remember' });
}

/** The decision stands whether the turn hears of it now or from the sweeper. */
async function tell(deps: DecideDeps, { scope, logger }: DecideContext, approval: ApprovalRecord): Promise<void> {
  const { turnId, conversationId, id } = approval;
  try {
    await deps.engine.tellDecided({ tenantId: scope.tenantId, turnId, conversationId }, [id]);
  } catch (error) {
    logger.warn(
      { err: toError(error), turnId, approvalId: id },
      'a decision could not be told; the sweeper will do it',
    );
  }
}

/** A message that joins a turn which waits: its calls are denied, and the turn goes on with the message. */
export async function denyForMessage(
  deps: Pick<ApiDeps, 'approvals' | 'engine'>,
  logger: Logger,
  { tenantId, id: turnId, conversationId }: TurnRecord,
): Promise<void> {
  const how = { status: 'denied', origin: 'message', reason: OVERTAKEN_REASON } as const;
  const denied = await deps.approvals.settlePending(internalScope(tenantId, 'message'), turnId, how);
  if (denied.length === 0) return;
  const ids = denied.map(({ id }) => id);
  try {
    await deps.engine.tellDecided({ tenantId, turnId, conversationId }, ids);
  } catch (error) {
    logger.warn({ err: toError(error), turnId, approvalIds: ids }, 'denials could not be told; the sweeper will do it');
  }
}

/** What whoever comes second is told: what was decided, by whom and when. */
export function alreadyDecided(approval: ApprovalRecord): Failure {
  const { id, status, decidedBy, decidedAtMs, reason } = approval;
  const by = decidedBy === null ? '' : ` by ${decidedBy}`;
  const at = decidedAtMs === null ? '' : ` at ${new Date(decidedAtMs).toISOString()}`;
  const why = reason === null ? '' : ` (${reason})`;
  return failure('approval.decided', `The approval '${id}' is ${status} already${by}${at}${why}; one decision counts.`);
}
