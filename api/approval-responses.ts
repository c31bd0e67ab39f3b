/**
 * `mcp_approval_response` items of a request: the OpenAI way to decide. On a turn that waits they decide, and the request is
 * answered with that turn; on one that ended with the requests they decide, and the new turn goes on with the calls.
 */
import { failure } from '../domain/failures.js';
import type { InputItemParam } from '../domain/item.js';
import type { Logger } from '../domain/ports/logger.js';
import type { ApprovalRecord } from '../domain/ports/approval-store.js';
import type { Scope } from '../domain/scope.js';
import { isTerminal } from '../domain/turn.js';
import type { TurnRecord } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import { alreadyDecided, decideApproval, requireApproval } from './decide-approval.js';
import type { ResponseCreate } from './schemas/response-request.js';
import { requireTurn } from './stored-response.js';

type ResponseParam = Extract<InputItemParam, { type: 'mcp_approval_response' }>;

export type TakenResponses =
  /** The request decides nothing. */
  | { readonly kind: 'none' }
  /** The turn that waited goes on; events after `after` are its answer. `waits`: for further decisions. */
  | { readonly kind: 'joined'; readonly turn: TurnRecord; readonly after: number; readonly waits: boolean }
  /** The turn to accept goes on with these. */
  | { readonly kind: 'followed'; readonly approvalIds: readonly string[] };

interface Context {
  readonly scope: Scope;
  readonly logger: Logger;
}

interface Placed {
  readonly param: ResponseParam;
  readonly approval: ApprovalRecord;
}

/** @throws `approval.not-found`, `approval.decided`, `request.invalid`, each with its param. */
export async function takeApprovalResponses(
  deps: ApiDeps,
  context: Context,
  request: ResponseCreate,
): Promise<TakenResponses> {
  const input = Array.isArray(request.input) ? request.input : [];
  const placed: Placed[] = [];
  for (const [index, param] of input.entries()) {
    if (param.type !== 'mcp_approval_response') continue;
    const field = `input[${index}].approval_request_id`;
    const approval = await requireApproval(deps, context.scope, param.approval_request_id, field);
    placed.push({ param, approval });
  }
  const [first] = placed;
  if (first === undefined) return { kind: 'none' };
  const turn = await requireTurn(deps, context.scope, first.approval.turnId);
  requireSameTurn(request, turn, placed);
  if (isTerminal(turn.status)) return follow(deps, context, placed);
  requireNothingElse(input);
  const log = await deps.events.state({ tenantId: context.scope.tenantId, turnId: turn.id });
  for (const each of placed) await decideOne(deps, context, each);
  const query = { status: 'pending', conversationId: null, turnId: turn.id, after: null, order: 'asc' } as const;
  const { approvals } = await deps.approvals.list(context.scope, { ...query, limit: 1 });
  return { kind: 'joined', turn, after: log?.lastSequence ?? -1, waits: approvals.length > 0 };
}

function requireSameTurn(request: ResponseCreate, turn: TurnRecord, placed: readonly Placed[]): void {
  const { previous_response_id: previous, conversation } = request;
  const refuse = (param: string, message: string): Error => failure('request.invalid', message, { param });
  if (placed.some(({ approval }) => approval.turnId !== turn.id)) {
    throw refuse('input', 'The approvals are of several responses. Send one request for each response.');
  }
  if (typeof previous === 'string' && previous !== turn.id) {
    throw refuse('previous_response_id', `The approvals are of the response ${turn.id}, not of ${previous}.`);
  }
  const elsewhere = typeof conversation === 'string' && conversation !== turn.conversationId;
  if (elsewhere) throw refuse('conversation', `The approvals are of another conversation than ${conversation}.`);
  if (typeof previous !== 'string' && typeof conversation !== 'string') {
    throw refuse('previous_response_id', `Set previous_response_id to ${turn.id}, whose calls you decide about.`);
  }
}

function requireNothingElse(input: readonly InputItemParam[]): void {
  const at = input.findIndex(({ type }) => type !== 'mcp_approval_response' && type !== 'mcp_approval_request');
  if (at < 0) return;
  throw failure(
    'request.invalid',
    'The response still waits for the decisions: send them alone, and the message when it has ended.',
    { param: `input[${at}]` },
  );
}

async function follow(deps: ApiDeps, context: Context, placed: readonly Placed[]): Promise<TakenResponses> {
  for (const each of placed) {
    const taken = each.approval.followedBy;
    if (taken === null) await decideOne(deps, context, each);
    else
      throw failure(
        'approval.decided',
        `The response ${taken} went on with the approval '${each.approval.id}' already.`,
      );
  }
  return { kind: 'followed', approvalIds: placed.map(({ approval }) => approval.id) };
}

/** The same decision once more, by a client that did not hear the first answer, is no conflict. */
async function decideOne(deps: ApiDeps, context: Context, { param, approval }: Placed): Promise<void> {
  const decision = param.approve ? 'approve' : 'deny';
  const deciding = { ...context, origin: 'response' as const };
  const outcome = await decideApproval(deps, deciding, approval.id, { decision, reason: param.reason ?? null });
  const same = outcome.approval.status === (param.approve ? 'approved' : 'denied');
  if (!outcome.decidedNow && !same) throw alreadyDecided(outcome.approval);
}
