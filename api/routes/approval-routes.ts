/** `/v1/approvals`: what waits for a person, and the decision. */
import { z } from 'zod';
import { ruleOf } from '../../domain/failures.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { alreadyDecided, decideApproval, requireApproval } from '../decide-approval.js';
import { toErrorBody } from '../middleware/render-error.js';
import { toApprovalObject } from '../projections/approval-object.js';
import { toList } from '../projections/item-list.js';
import { approvalListSchema, approvalSchema } from '../schemas/approval-answer.js';
import { approvalQuerySchema, decisionSchema } from '../schemas/approval-request.js';
import { errorSchema } from '../schemas/answer-schemas.js';
import { toPageQuery } from '../schemas/field-schemas.js';

const TAG = 'Approvals';

function listRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/approvals',
    operationId: 'listApprovals',
    summary: 'List approvals',
    description: 'Yours; those of the whole tenant with a key of scope `admin`.',
    tag: TAG,
    scope: 'read',
    query: approvalQuerySchema,
    answers: { 200: { description: 'A page of approvals', schema: approvalListSchema } },
    async handle({ caller, query, res }) {
      const { approvals, hasMore } = await deps.approvals.list(caller.scope, {
        ...toPageQuery(query),
        status: query.status ?? null,
        conversationId: query.conversation ?? null,
        turnId: query.response ?? null,
      });
      res.json(toList(approvals.map(toApprovalObject), hasMore));
    },
  });
}

function readRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/approvals/{id}',
    operationId: 'getApproval',
    summary: 'Get an approval',
    tag: TAG,
    scope: 'read',
    answers: { 200: { description: 'The approval', schema: approvalSchema } },
    async handle({ caller, param, res }) {
      res.json(toApprovalObject(await requireApproval(deps, caller.scope, param('id'))));
    },
  });
}

function decideRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/approvals/{id}',
    operationId: 'decideApproval',
    summary: 'Approve or deny a call',
    description:
      'Exactly one decision counts. The call runs with the arguments that were approved and no others: those of the model, or the ones sent along.',
    tag: TAG,
    scope: 'write',
    body: decisionSchema,
    answers: {
      200: { description: 'The approval with this decision', schema: approvalSchema },
      409: {
        description: 'It was decided before; `approval` has that decision',
        schema: z.object({ ...errorSchema.shape, approval: approvalSchema }),
      },
    },
    async handle({ body, caller, context, param, res }) {
      const deciding = { scope: caller.scope, logger: context.logger, origin: 'person' as const };
      const { approval, decidedNow } = await decideApproval(deps, deciding, param('id'), body);
      if (decidedNow) {
        res.json(toApprovalObject(approval));
        return;
      }
      const problem = alreadyDecided(approval);
      const answer = { ...toErrorBody(problem, context.requestId), approval: toApprovalObject(approval) };
      res.status(ruleOf(problem.code).httpStatus).json(answer);
    },
  });
}

export function createApprovalRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [listRoute(deps), readRoute(deps), decideRoute(deps)];
}
