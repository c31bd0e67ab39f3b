/** `/v1/responses/{id}/fork` and `/compare`: run again from a step with a change, and see both branches beside each other. */
import { answerTurn } from '../answer-turn.js';
import type { AnswerDeps } from '../answer-turn.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { compareTurns } from '../compare-turns.js';
import { forkTurn } from '../fork-turn.js';
import { readIdempotency } from '../idempotency.js';
import { responseSchema } from '../schemas/answer-schemas.js';
import { compareQuerySchema, comparisonSchema, forkSchema } from '../schemas/fork-schemas.js';

const TAG = 'Responses';

export function createForkRoutes(deps: AnswerDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'post',
      path: '/v1/responses/{id}/fork',
      operationId: 'forkResponse',
      summary: 'Run again from a step, with a change',
      description:
        'Makes a new response beside this one, with the same parent. What was recorded before `step` is taken over: no model and no tool is called for it again. ' +
        'Only for a response that has ended.',
      tag: TAG,
      scope: 'write',
      body: forkSchema,
      answers: {
        200: { description: 'The new response, or its events', schema: responseSchema, stream: 'text/event-stream' },
      },
      async handle({ body, caller, context, param, req, res }) {
        const idempotency = readIdempotency(req, `forkResponse/${param('id')}`, req.body);
        const turn = await forkTurn(deps, { ...context, scope: caller.scope, idempotency }, param('id'), body);
        await answerTurn(deps, res, turn, { stream: body.stream ?? false, background: body.background ?? false });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/v1/responses/{id}/compare',
      operationId: 'compareResponses',
      summary: 'Compare two responses',
      description:
        'Answer, tools with their arguments’ hash and outcome, tokens, cost and time of both, and the first step in which they differ.',
      tag: TAG,
      scope: 'read',
      query: compareQuerySchema,
      answers: { 200: { description: 'Both sides', schema: comparisonSchema } },
      async handle({ caller, param, query, res }) {
        res.json(await compareTurns(deps, caller.scope, param('id'), query.with));
      },
    }),
  ];
}
