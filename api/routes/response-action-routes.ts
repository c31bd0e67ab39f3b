/** What can be done with a response besides reading it: cancel, continue, list its input, count tokens. */
import { answerTurn } from '../answer-turn.js';
import type { AnswerDeps } from '../answer-turn.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { budgetsAllow } from '../budget-view.js';
import { cancelTurn } from '../cancel-turn.js';
import { guardConnection, keyEnded } from '../connection-guard.js';
import { continueTurn } from '../continue-turn.js';
import { readIdempotency } from '../idempotency.js';
import { estimateInput } from '../input-tokens.js';
import { toItemList } from '../projections/item-list.js';
import { itemListSchema, responseSchema } from '../schemas/answer-schemas.js';
import { inputTokensAnswerSchema } from '../schemas/budget-schemas.js';
import { toPageQuery } from '../schemas/field-schemas.js';
import { inputItemsQuerySchema, inputTokensSchema, responseContinueSchema } from '../schemas/response-request.js';
import { requireReadableTurn } from '../stored-response.js';

const TAG = 'Responses';

function cancelRoute(deps: AnswerDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/responses/{id}/cancel',
    operationId: 'cancelResponse',
    summary: 'Cancel a running response',
    description: 'Waits up to 10 s for the end; partial text is kept. A response that has ended is answered unchanged.',
    tag: TAG,
    scope: 'write',
    answers: { 200: { description: 'The response as it is now', schema: responseSchema } },
    async handle({ caller, context, param, res }) {
      const guard = guardConnection(deps, res, false);
      try {
        const { scope } = caller;
        const response = await cancelTurn(deps, { scope, logger: context.logger }, param('id'), guard.signal);
        if (guard.reason() === 'key') throw keyEnded();
        res.json(response);
      } finally {
        guard.release();
      }
    },
  });
}

function continueRoute(deps: AnswerDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/responses/{id}/continue',
    operationId: 'continueResponse',
    summary: 'Go on after a limit',
    description:
      'Only for a response that is `incomplete` because of a limit. Makes a new response with fresh limits whose parent is this one.',
    tag: TAG,
    scope: 'write',
    body: responseContinueSchema,
    answers: {
      200: { description: 'The new response, or its events', schema: responseSchema, stream: 'text/event-stream' },
    },
    async handle({ body, caller, context, param, req, res }) {
      const idempotency = readIdempotency(req, `continueResponse/${param('id')}`, req.body);
      const turn = await continueTurn(deps, { ...context, scope: caller.scope, idempotency }, param('id'), body);
      await answerTurn(deps, res, turn, { stream: body.stream ?? false, background: body.background ?? false });
    },
  });
}

function inputItemsRoute(deps: AnswerDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/responses/{id}/input_items',
    operationId: 'listInputItems',
    summary: 'List what the model was given as input',
    tag: TAG,
    scope: 'read',
    query: inputItemsQuerySchema,
    answers: { 200: { description: 'A page of items', schema: itemListSchema } },
    async handle({ caller, param, query, res }) {
      const turn = await requireReadableTurn(deps, caller.scope, param('id'));
      res.json(toItemList(await deps.turns.inputItems(caller.scope, turn.id, toPageQuery(query))));
    },
  });
}

function inputTokensRoute(deps: AnswerDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/responses/input_tokens',
    operationId: 'countInputTokens',
    summary: 'Estimate how many tokens a request would be, and what it may cost',
    description:
      'Counted with a common tokenizer; the provider’s own count differs by a few percent. Images are not counted. `turnstone` says what the first call ' +
      'may cost and whether the budgets that apply would let it be made.',
    tag: TAG,
    scope: 'read',
    body: inputTokensSchema,
    answers: { 200: { description: 'The estimate', schema: inputTokensAnswerSchema } },
    async handle({ body, caller, res }) {
      const estimate = await estimateInput(deps, caller.scope, body);
      const { priced, minMicros, maxMicros } = estimate.cost;
      const budgets = await deps.budgets.applying(caller.scope, caller.scope.principalId);
      res.json({
        object: 'response.input_tokens',
        input_tokens: estimate.inputTokens,
        turnstone: {
          model: estimate.model?.name ?? null,
          first_call_micros: priced ? { min: minMicros, max: maxMicros } : null,
          max_turn_micros: estimate.maxTurnMicros,
          budgets_allow: budgetsAllow(budgets, estimate.cost),
        },
      });
    },
  });
}

export function createResponseActionRoutes(deps: AnswerDeps): readonly ApiRoute[] {
  return [inputTokensRoute(deps), cancelRoute(deps), continueRoute(deps), inputItemsRoute(deps)];
}
