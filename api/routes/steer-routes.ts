/** `/v1/responses/{id}/steer` and `/steers`: messages into a running turn. */
import { isId } from '../../domain/ids.js';
import { failure } from '../../domain/failures.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import type { ApiDeps } from '../api-deps.js';
import { denyForMessage } from '../decide-approval.js';
import { readIdempotency } from '../idempotency.js';
import { toSteerObject } from '../projections/steer-object.js';
import { steerListSchema, steerSchema } from '../schemas/answer-schemas.js';
import { responseSteerSchema } from '../schemas/response-request.js';
import { requireReadableTurn } from '../stored-response.js';
import { steerTurn } from '../steer-turn.js';

const TAG = 'Responses';

function sendRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/responses/{id}/steer',
    operationId: 'steerResponse',
    summary: 'Send a message into a running response',
    description:
      'The running response reads it at its next step, and does not end before. Answered at once: `response_id` is the response that answers the message. ' +
      'A message that comes too late becomes a response of its own (`status: "moved"`).',
    tag: TAG,
    scope: 'write',
    body: responseSteerSchema,
    answers: { 200: { description: 'The message as it stands', schema: steerSchema } },
    async handle({ body, caller, context, param, req, res }) {
      const idempotency = readIdempotency(req, `steerResponse/${param('id')}`, req.body);
      const steered = { ...context, scope: caller.scope, idempotency };
      const steer = await steerTurn(deps, steered, param('id'), body.input ?? []);
      // A turn that waits for a decision goes on with the message instead.
      const turn = await requireReadableTurn(deps, caller.scope, param('id'));
      if (steer.status === 'pending') await denyForMessage(deps, context.logger, turn);
      res.json(steer);
    },
  });
}

export function createSteerRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    sendRoute(deps),
    defineRoute({
      method: 'get',
      path: '/v1/responses/{id}/steers',
      operationId: 'listSteers',
      summary: 'List the messages sent into a response',
      tag: TAG,
      scope: 'read',
      answers: { 200: { description: 'All of them, in order', schema: steerListSchema } },
      async handle({ caller, param, res }) {
        const turn = await requireReadableTurn(deps, caller.scope, param('id'));
        const data = (await deps.steers.list(caller.scope, turn.id)).map(toSteerObject);
        const [first_id, last_id] = [data.at(0)?.id ?? null, data.at(-1)?.id ?? null];
        res.json({ object: 'list', data, first_id, last_id, has_more: false });
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/v1/responses/{id}/steers/{steer_id}',
      operationId: 'cancelSteer',
      summary: 'Take back a message that was not read yet',
      tag: TAG,
      scope: 'write',
      answers: { 200: { description: 'The message, cancelled', schema: steerSchema } },
      async handle({ caller, param, res }) {
        const turn = await requireReadableTurn(deps, caller.scope, param('id'));
        const steerId = param('steer_id');
        if (!isId(steerId)) throw failure('steer.not-found', `There is no steer '${steerId.slice(0, 128)}'.`);
        res.json(toSteerObject(await deps.steers.cancel(caller.scope, turn.id, steerId)));
      },
    }),
  ];
}
