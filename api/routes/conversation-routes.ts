/** `/v1/conversations`: create, search, read, change, delete. */
import { isId, newId } from '../../domain/ids.js';
import type { ConversationChange } from '../../domain/ports/conversation-store.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { addItems, noConversation, requireConversation } from '../conversation-access.js';
import { toConversationObject } from '../projections/conversation-object.js';
import { toList } from '../projections/item-list.js';
import { conversationListSchema, conversationSchema, deletedSchema } from '../schemas/answer-schemas.js';
import {
  conversationCreateSchema,
  conversationListQuerySchema,
  conversationUpdateSchema,
} from '../schemas/conversation-request.js';
import { toPageQuery } from '../schemas/field-schemas.js';

const TAG = 'Conversations';
const ONE = '/v1/conversations/{id}';

function createRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: '/v1/conversations',
    operationId: 'createConversation',
    summary: 'Create a conversation',
    tag: TAG,
    scope: 'write',
    body: conversationCreateSchema,
    answers: { 200: { description: 'The conversation', schema: conversationSchema } },
    async handle({ body, caller: { scope }, res }) {
      const id = newId('conversation');
      const conversation = await addItems(deps, scope, null, body.items ?? [], async (items) => {
        const made = await deps.conversations.create(scope, {
          id,
          title: body.title ?? null,
          metadata: body.metadata ?? {},
        });
        if (items.length === 0) return made;
        await deps.conversations.addItems(scope, id, newId('response'), items);
        return requireConversation(deps, scope, id);
      });
      res.json(toConversationObject(conversation));
    },
  });
}

function listRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: '/v1/conversations',
    operationId: 'listConversations',
    summary: 'List or search conversations',
    description: 'Newest first. `q` searches titles and the text of items; each hit has a snippet.',
    tag: TAG,
    scope: 'read',
    query: conversationListQuerySchema,
    answers: { 200: { description: 'A page of conversations', schema: conversationListSchema } },
    async handle({ query, caller, res }) {
      const archived = query.archived === 'any' ? 'any' : query.archived === 'true';
      const page = { ...toPageQuery(query), q: query.q ?? null, archived } as const;
      const { hits, hasMore } = await deps.conversations.list(caller.scope, page);
      const data = hits.map((hit) => ({
        ...toConversationObject(hit.conversation),
        ...(query.q === undefined ? {} : { snippet: hit.snippet }),
      }));
      res.json(toList(data, hasMore));
    },
  });
}

function updateRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: ONE,
    operationId: 'updateConversation',
    summary: 'Change title, metadata or archived',
    tag: TAG,
    scope: 'write',
    body: conversationUpdateSchema,
    answers: { 200: { description: 'The conversation', schema: conversationSchema } },
    async handle({ body, caller, param, res }) {
      const change: ConversationChange = {
        ...(body.title === undefined ? {} : { title: body.title }),
        ...(body.metadata === undefined ? {} : { metadata: body.metadata ?? {} }),
        ...(body.archived === undefined ? {} : { archived: body.archived }),
      };
      const id = param('id');
      const updated = isId(id) ? await deps.conversations.update(caller.scope, id, change) : null;
      if (updated === null) throw noConversation(id);
      res.json(toConversationObject(updated));
    },
  });
}

export function createConversationRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    createRoute(deps),
    listRoute(deps),
    defineRoute({
      method: 'get',
      path: ONE,
      operationId: 'getConversation',
      summary: 'Get a conversation',
      tag: TAG,
      scope: 'read',
      answers: { 200: { description: 'The conversation', schema: conversationSchema } },
      async handle({ caller, param, res }) {
        res.json(toConversationObject(await requireConversation(deps, caller.scope, param('id'))));
      },
    }),
    updateRoute(deps),
    defineRoute({
      method: 'delete',
      path: ONE,
      operationId: 'deleteConversation',
      summary: 'Delete a conversation with its turns and items',
      tag: TAG,
      scope: 'write',
      answers: { 200: { description: 'Deleted', schema: deletedSchema } },
      async handle({ caller, param, res }) {
        const id = param('id');
        if (!isId(id) || !(await deps.conversations.remove(caller.scope, id))) throw noConversation(id);
        res.json({ id, object: 'conversation.deleted', deleted: true });
      },
    }),
  ];
}
