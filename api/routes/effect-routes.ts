/** What tool calls did to the world: listed, taken back, and what a person found out. */
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { requireConversation } from '../conversation-access.js';
import { requireEffect, resolveEffect, toEffectObject, undoEffect } from '../effects.js';
import { toList } from '../projections/item-list.js';
import { effectListSchema, effectSchema, effectsQuerySchema, resolveSchema } from '../schemas/effect-schemas.js';
import { requireReadableTurn } from '../stored-response.js';

const TAG = 'Effects';
const listAnswer = { 200: { description: 'A page of effects, newest first', schema: effectListSchema } };

function ofResponse(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/responses/{id}/effects',
    operationId: 'listResponseEffects',
    summary: 'What the tool calls of a response did to the world',
    tag: TAG,
    scope: 'read',
    query: effectsQuerySchema,
    answers: listAnswer,
    async handle({ caller, param, query, res }) {
      const { id: turnId } = await requireReadableTurn(deps, caller.scope, param('id'));
      const page = { after: query.after ?? null, limit: query.limit };
      const { effects, hasMore } = await deps.effects.list(caller.scope, { of: { turnId }, ...page });
      res.json(
        toList(
          effects.map((effect) => toEffectObject(deps.tools, effect)),
          hasMore,
        ),
      );
    },
  });
}

function ofConversation(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/conversations/{id}/effects',
    operationId: 'listConversationEffects',
    summary: 'What the tool calls of a conversation did to the world, all branches',
    tag: TAG,
    scope: 'read',
    query: effectsQuerySchema,
    answers: listAnswer,
    async handle({ caller, param, query, res }) {
      const { id: conversationId } = await requireConversation(deps, caller.scope, param('id'));
      const page = { after: query.after ?? null, limit: query.limit };
      const { effects, hasMore } = await deps.effects.list(caller.scope, { of: { conversationId }, ...page });
      res.json(
        toList(
          effects.map((effect) => toEffectObject(deps.tools, effect)),
          hasMore,
        ),
      );
    },
  });
}

function undoRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/effects/{id}/undo',
    operationId: 'undoEffect',
    summary: 'Take an effect back',
    description:
      'Runs the undo its tool declares, once, as a workflow of its own. Asking again answers with the state of the first.',
    tag: TAG,
    scope: 'write',
    answers: { 202: { description: 'The effect with its undo', schema: effectSchema } },
    async handle({ caller, context, param, res }) {
      const effect = await undoEffect(deps, caller.scope, param('id'));
      context.logger.info({ effectId: effect.id, tool: effect.call.name }, 'undo asked for');
      res.status(202).json(toEffectObject(deps.tools, effect));
    },
  });
}

function resolveRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/effects/{id}/resolve',
    operationId: 'resolveEffect',
    summary: 'Say what became of a call nobody was sure of',
    description: 'Once. What is said is added to what the model is told of the call from then on.',
    tag: TAG,
    scope: 'write',
    body: resolveSchema,
    answers: { 200: { description: 'The effect, resolved', schema: effectSchema } },
    async handle({ body, caller, context, param, res }) {
      const resolution = { happened: body.happened, note: body.note ?? null };
      const effect = await resolveEffect(deps, caller.scope, param('id'), resolution);
      context.logger.info({ effectId: effect.id, happened: body.happened }, 'effect resolved');
      res.json(toEffectObject(deps.tools, effect));
    },
  });
}

export function createEffectRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    ofResponse(deps),
    ofConversation(deps),
    defineRoute({
      method: 'get',
      path: '/v1/effects/{id}',
      operationId: 'getEffect',
      summary: 'Get one effect',
      tag: TAG,
      scope: 'read',
      answers: { 200: { description: 'The effect', schema: effectSchema } },
      async handle({ caller, param, res }) {
        res.json(toEffectObject(deps.tools, await requireEffect(deps, caller.scope, param('id'))));
      },
    }),
    undoRoute(deps),
    resolveRoute(deps),
  ];
}
