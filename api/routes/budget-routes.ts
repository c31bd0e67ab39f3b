/** `/v1/admin/budgets`: what a tenant and its users may spend; `/v1/limits`: what is left of it for the caller. */
import { failure } from '../../domain/failures.js';
import { isId, newId } from '../../domain/ids.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { toBudgetObject } from '../budget-view.js';
import { toList } from '../projections/item-list.js';
import { deletedSchema } from '../schemas/answer-schemas.js';
import { budgetListSchema, budgetSchema, budgetSetSchema, limitsAnswerSchema } from '../schemas/budget-schemas.js';

const TAG = 'Administration';

function setRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/admin/budgets',
    operationId: 'setBudget',
    summary: 'Set a budget of the tenant or of one user',
    description:
      'One for each principal and period: setting it again changes its limit, and what was used stays. It holds from the next model call on, in turns that ' +
      'already run too.',
    tag: TAG,
    scope: 'admin',
    body: budgetSetSchema,
    answers: { 200: { description: 'The budget as it is now', schema: budgetSchema } },
    async handle({ body, caller, context, res }) {
      const set = await deps.budgets.set(caller.scope, {
        id: newId('budget'),
        principalId: body.principal ?? null,
        period: body.period,
        limitMicros: body.limit_micros,
        allowUnpriced: body.allow_unpriced,
      });
      context.logger.info({ budgetId: set.id, period: set.period, limitMicros: set.limitMicros }, 'budget set');
      res.json(toBudgetObject(set));
    },
  });
}

function removeRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'delete',
    path: '/v1/admin/budgets/{id}',
    operationId: 'deleteBudget',
    summary: 'Delete a budget',
    description: 'What it counted is forgotten; usage and cost of turns stay.',
    tag: TAG,
    scope: 'admin',
    answers: { 200: { description: 'Deleted', schema: deletedSchema } },
    async handle({ caller, context, param, res }) {
      const id = param('id');
      if (!isId(id) || !(await deps.budgets.remove(caller.scope, id))) {
        throw failure(
          'budget.not-found',
          `There is no budget '${id.slice(0, 128)}'. GET /v1/admin/budgets lists them.`,
        );
      }
      context.logger.info({ budgetId: id }, 'budget deleted');
      res.json({ id, object: 'budget.deleted', deleted: true });
    },
  });
}

export function createBudgetRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    setRoute(deps),
    defineRoute({
      method: 'get',
      path: '/v1/admin/budgets',
      operationId: 'listBudgets',
      summary: 'List budgets with what is used and held of them',
      tag: TAG,
      scope: 'admin',
      answers: { 200: { description: 'All budgets of the tenant', schema: budgetListSchema } },
      async handle({ caller, res }) {
        res.json(toList((await deps.budgets.list(caller.scope)).map(toBudgetObject), false));
      },
    }),
    removeRoute(deps),
    defineRoute({
      method: 'get',
      path: '/v1/limits',
      operationId: 'getLimits',
      summary: 'What the caller may still spend',
      description: 'The budgets that apply to the caller, the tenant’s and its own, and the limit of a single turn.',
      tag: 'Usage',
      scope: 'read',
      answers: { 200: { description: 'Budgets and limits', schema: limitsAnswerSchema } },
      async handle({ caller, res }) {
        const budgets = await deps.budgets.applying(caller.scope, caller.scope.principalId);
        res.json({
          object: 'limits',
          budgets: budgets.map(toBudgetObject),
          turn: { max_cost_micros: deps.defaultLimits.maxCostMicros, max_tokens: deps.defaultLimits.maxTokens },
        });
      },
    }),
  ];
}
