/** Usage and cost: of a response, call by call, and of a whole conversation. */
import type { TokenUsage } from '../../domain/pricing.js';
import { toResponseUsage } from '../../domain/response-resource.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { requireConversation } from '../conversation-access.js';
import { conversationUsageSchema, responseUsageSchema } from '../schemas/answer-schemas.js';
import { requireReadableTurn } from '../stored-response.js';

function totals(usage: TokenUsage, costMicros: number, costIncomplete: boolean): object {
  return {
    object: 'usage',
    usage: toResponseUsage(usage),
    usage_estimated: usage.estimated,
    cost_micros: costMicros,
    cost_incomplete: costIncomplete,
  };
}

export function createUsageRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'get',
      path: '/v1/responses/{id}/usage',
      operationId: 'getResponseUsage',
      summary: 'Usage and cost of a response, call by call',
      description: 'Every call to a provider, failed and repeated ones included.',
      tag: 'Responses',
      scope: 'read',
      answers: { 200: { description: 'Sums and calls', schema: responseUsageSchema } },
      async handle({ caller, param, res }) {
        const turn = await requireReadableTurn(deps, caller.scope, param('id'));
        const calls = await deps.usage.callsOf(caller.scope, turn.id);
        res.json({
          ...totals(turn.usage, turn.costMicros, turn.costIncomplete),
          calls: calls.map((call) => ({
            step: call.step,
            attempt: call.attempt,
            model: call.model,
            outcome: call.outcome,
            failure_code: call.failureCode,
            usage: toResponseUsage(call.usage),
            usage_estimated: call.usage.estimated,
            cost_micros: call.costMicros,
            first_token_ms: call.firstTokenMs,
            duration_ms: call.durationMs,
            created_at: Math.floor(call.createdAtMs / 1000),
          })),
        });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/v1/conversations/{id}/usage',
      operationId: 'getConversationUsage',
      summary: 'Usage and cost of a conversation, all branches',
      tag: 'Conversations',
      scope: 'read',
      answers: { 200: { description: 'Sums', schema: conversationUsageSchema } },
      async handle({ caller, param, res }) {
        const { id } = await requireConversation(deps, caller.scope, param('id'));
        const sums = await deps.usage.ofConversation(caller.scope, id);
        res.json({ ...totals(sums.usage, sums.costMicros, sums.costIncomplete), turns: sums.turns });
      },
    }),
  ];
}
