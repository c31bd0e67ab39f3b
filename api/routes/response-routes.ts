/** `/v1/responses`: create, read, stream, delete. */
import { failure } from '../../domain/failures.js';
import { isTerminal } from '../../domain/turn.js';
import { acceptTurn } from '../accept-turn.js';
import { takeApprovalResponses } from '../approval-responses.js';
import { answerTurn, streamTurn } from '../answer-turn.js';
import type { AnswerDeps } from '../answer-turn.js';
import { defineRoute } from '../api-route.js';
import { denyForMessage } from '../decide-approval.js';
import type { ApiRoute, RouteCall } from '../api-route.js';
import { readIdempotency } from '../idempotency.js';
import { deletedSchema, responseSchema } from '../schemas/answer-schemas.js';
import { responseCreateSchema, responseQuerySchema } from '../schemas/response-request.js';
import { loadResource, requireReadableTurn } from '../stored-response.js';
import { checkStart } from '../turn-reader.js';

const TAG = 'Responses';
const STREAM = 'text/event-stream';
const STEER_HEADER = 'turnstone-steer-id';

function createRoute(deps: AnswerDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/responses',
    operationId: 'createResponse',
    summary: 'Create a response',
    description:
      'Accepts a turn and answers it: as an event stream (`stream`), at once (`background`), or when it has ended. A client that disconnects cancels ' +
      'nothing. A turn that fails is answered with 200, `status: "failed"` and its `error`. `previous_response_id` alone continues in the conversation of ' +
      'that response, as a branch. `X-Provider-Key` answers the turn with a provider key of your own.',
    tag: TAG,
    scope: 'write',
    body: responseCreateSchema,
    answers: { 200: { description: 'The response, or its events', schema: responseSchema, stream: STREAM } },
    async handle({ body, context, caller, req, res }) {
      const idempotency = readIdempotency(req, 'createResponse', req.body);
      const how = { stream: body.stream ?? false, background: body.background ?? false };
      const taken = await takeApprovalResponses(deps, { ...context, scope: caller.scope }, body);
      if (taken.kind === 'joined') {
        await answerTurn(deps, res, taken.turn, { ...how, background: how.background || taken.waits }, taken.after);
        return;
      }
      const followUp = taken.kind === 'followed' ? { followUp: { approvalIds: taken.approvalIds } } : {};
      const outcome = await acceptTurn(deps, { ...context, scope: caller.scope, idempotency, ...followUp }, body);
      // The answer is the response that the message joined; this is how to see it, or take it back.
      if (outcome.kind === 'steered') {
        res.setHeader(STEER_HEADER, outcome.steer.id);
        await denyForMessage(deps, context.logger, outcome.turn);
      }
      await answerTurn(deps, res, outcome.turn, how);
    },
  });
}

/** Where a reader goes on: the header an EventSource sends wins over the query. */
function startOf({ req, query }: RouteCall<unknown, { starting_after?: number | undefined }>): number {
  const header = req.header('last-event-id');
  if (header === undefined) return query.starting_after ?? -1;
  if (!/^\d{1,15}$/.test(header)) {
    throw failure(
      'request.invalid',
      'Last-Event-ID is not the id of an event of this response. Send the last id you received.',
      {
        param: 'Last-Event-ID',
      },
    );
  }
  return Number(header);
}

function readRoute(deps: AnswerDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/responses/{id}',
    operationId: 'getResponse',
    summary: 'Get a response or its events',
    description:
      'Without `stream` the stored truth. With it the events after `starting_after` (or the header Last-Event-ID), live until the end. When the live log ' +
      'is gone, a snapshot or a compact replay from the store takes its place.',
    tag: TAG,
    scope: 'read',
    query: responseQuerySchema,
    answers: {
      200: { description: 'The response, or its events', schema: responseSchema, stream: STREAM },
      204: { description: 'Last-Event-ID names the end of the stream: nothing comes after it' },
    },
    async handle(call) {
      const { query, caller, res, req } = call;
      const turn = await requireReadableTurn(deps, caller.scope, call.param('id'));
      if (query.stream !== true) {
        res.json(await loadResource(deps, caller.scope, turn));
        return;
      }
      const after = startOf(call);
      await checkStart(deps, caller.scope, turn, after);
      // 204 tells an EventSource to stop reconnecting.
      if (req.header('last-event-id') !== undefined && turn.lastSequence !== null && after >= turn.lastSequence)
        res.status(204).end();
      else await streamTurn(deps, res, turn.id, after);
    },
  });
}

function deleteRoute(deps: AnswerDeps): ApiRoute {
  return defineRoute({
    method: 'delete',
    path: '/v1/responses/{id}',
    operationId: 'deleteResponse',
    summary: 'Delete a response with its items',
    tag: TAG,
    scope: 'write',
    answers: { 200: { description: 'Deleted', schema: deletedSchema } },
    async handle({ caller, param, res }) {
      const turn = await requireReadableTurn(deps, caller.scope, param('id'));
      if (!isTerminal(turn.status)) {
        throw failure(
          'response.still-running',
          `The response '${turn.id}' is still running. Cancel it, then delete it.`,
        );
      }
      await deps.turns.remove(caller.scope, turn.id);
      res.json({ id: turn.id, object: 'response.deleted', deleted: true });
    },
  });
}

export function createResponseRoutes(deps: AnswerDeps): readonly ApiRoute[] {
  return [createRoute(deps), readRoute(deps), deleteRoute(deps)];
}
