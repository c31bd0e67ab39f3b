/** Goes on after a limit: a new turn whose parent is the one that stopped, without new input, with fresh limits. */
import type { z } from 'zod';
import { decideApprovalRules, decidePolicy } from '../domain/agent-approvals.js';
import { decideTaint } from '../domain/agent-taint.js';
import { failure } from '../domain/failures.js';
import { newId } from '../domain/ids.js';
import { LIMIT_EXPLANATIONS } from '../domain/limits.js';
import { DEFAULT_POLICY } from '../domain/policy.js';
import { ownerScope } from '../domain/scope.js';
import type { TurnRecord, TurnSettings } from '../domain/turn.js';
import type { AcceptContext } from './accept-turn.js';
import type { ApiDeps } from './api-deps.js';
import { beginTurn } from './begin-turn.js';
import { isPriced } from './budget-view.js';
import { withProviderKey } from './provider-key.js';
import { selectModel } from './requested-model.js';
import type { responseContinueSchema } from './schemas/response-request.js';
import { requireReadableTurn } from './stored-response.js';
import { decideLimits } from './turn-limits.js';

/** The same settings with today's agent, models and tool schemas: a changed tool must not stop what goes on. */
export function freshSettings(
  deps: ApiDeps,
  old: TurnSettings,
  limits: z.infer<typeof responseContinueSchema>['limits'],
): TurnSettings {
  // What was copied into the old turn is the old turn's.
  const { fork: _fork, ...kept } = old;
  const { agent, modelChain } = selectModel(old.requestedModel, deps.agents, deps.models);
  const taint = decideTaint(agent.taint);
  const current = new Map(deps.tools.map((tool) => [tool.name, tool.schemaHash]));
  return {
    ...kept,
    agent: { name: agent.name, version: agent.version },
    agentInstructions: agent.instructions,
    // Today's rules too: what an imported turn says of itself is no policy.
    taint: taint.settings,
    policy: decidePolicy(agent.approvals, old.policy?.approvals ?? DEFAULT_POLICY.approvals, taint.policy),
    approvalRules: decideApprovalRules(agent.approvals),
    modelChain,
    tools: old.tools.flatMap(({ name }) => {
      const schemaHash = current.get(name);
      return schemaHash === undefined || !agent.tools.includes(name) ? [] : [{ name, schemaHash }];
    }),
    limits: decideLimits(deps.defaultLimits, agent.limits, limits ?? {}, old.maxToolCalls),
  };
}

function requireContinuable(turn: TurnRecord): void {
  const reason = turn.incompleteReason;
  const ours = reason === 'budget_exhausted' || (reason !== null && Object.hasOwn(LIMIT_EXPLANATIONS, reason));
  if (turn.status === 'incomplete' && ours) return;
  const why = reason === null ? '' : ` (${reason})`;
  throw failure(
    'response.not-continuable',
    `The response '${turn.id}' is ${turn.status}${why}; only one that a limit or a budget ended can be continued. ` +
      'Send a new message with previous_response_id instead.',
  );
}

/** @throws `response.not-found`, `response.not-continuable`, `conversation.busy`, `model.not-found`. */
export async function continueTurn(
  deps: ApiDeps,
  context: AcceptContext,
  turnId: string,
  body: z.infer<typeof responseContinueSchema>,
): Promise<TurnRecord> {
  const old = await requireReadableTurn(deps, context.scope, turnId);
  requireContinuable(old);
  const owner = { ...context, scope: ownerScope(old) };
  const settings = freshSettings(deps, old.settings, body.limits);
  const id = newId('response');
  const outcome = await deps.turns.accept(owner.scope, {
    id,
    conversationId: old.conversationId,
    parentId: old.id,
    ...(await withProviderKey(deps, owner, { id, settings })),
    metadata: old.metadata,
    background: body.background ?? false,
    stored: old.stored,
    requestId: context.requestId,
    ...context.idempotency,
    input: [],
    priced: isPriced(deps.models, settings.modelChain),
  });
  await beginTurn(deps, owner, outcome);
  return outcome.turn;
}
