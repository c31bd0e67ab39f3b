/** `/v1/conversations/{id}/items`: what is in a conversation, item by item. */
import { failure } from '../../domain/failures.js';
import { isId, newId } from '../../domain/ids.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { addItems, requireConversation } from '../conversation-access.js';
import { toConversationObject } from '../projections/conversation-object.js';
import { toItemList } from '../projections/item-list.js';
import { conversationSchema, itemListSchema, itemSchema } from '../schemas/answer-schemas.js';
import { itemsCreateSchema } from '../schemas/conversation-request.js';
import { pageQuerySchema, toPageQuery } from '../schemas/field-schemas.js';

const TAG = 'Conversations';
const ALL = '/v1/conversations/{id}/items';
const ONE = '/v1/conversations/{id}/items/{item_id}';

const noItem = (id: string): Error =>
  failure('item.not-found', `There is no item '${id.slice(0, 128)}' in this conversation.`);

function listRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'get',
    path: ALL,
    operationId: 'listConversationItems',
    summary: 'List items on the path to the newest turn',
    tag: TAG,
    scope: 'read',
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of items', schema: itemListSchema } },
    async handle({ caller, param, query, res }) {
      const { id } = await requireConversation(deps, caller.scope, param('id'));
      res.json(toItemList(await deps.conversations.items(caller.scope, id, toPageQuery(query))));
    },
  });
}

function addRoute(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'post',
    path: ALL,
    operationId: 'createConversationItems',
    summary: 'Add items after the newest turn',
    tag: TAG,
    scope: 'write',
    body: itemsCreateSchema,
    answers: { 200: { description: 'The added items', schema: itemListSchema } },
    async handle({ body, caller: { scope }, param, res }) {
      const { id } = await requireConversation(deps, scope, param('id'));
      const stored = await addItems(deps, scope, id, body.items, (items) =>
        deps.conversations.addItems(scope, id, newId('response'), items),
      );
      res.json(toItemList({ items: stored, hasMore: false }));
    },
  });
}

export function createConversationItemRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    listRoute(deps),
    addRoute(deps),
    defineRoute({
      method: 'get',
      path: ONE,
      operationId: 'getConversationItem',
      summary: 'Get an item',
      tag: TAG,
      scope: 'read',
      answers: { 200: { description: 'The item', schema: itemSchema } },
      async handle({ caller, param, res }) {
        const { id } = await requireConversation(deps, caller.scope, param('id'));
        const itemId = param('item_id');
        const found = isId(itemId) ? await deps.conversations.item(caller.scope, id, itemId) : null;
        if (found === null) throw noItem(itemId);
        res.json(found.item);
      },
    }),
    defineRoute({
      method: 'delete',
      path: ONE,
      operationId: 'deleteConversationItem',
      summary: 'Delete an item',
      tag: TAG,
      scope: 'write',
      answers: { 200: { description: 'The conversation without it', schema: conversationSchema } },
      async handle({ caller, param, res }) {
        const { id } = await requireConversation(deps, caller.scope, param('id'));
        const itemId = param('item_id');
        if (!isId(itemId) || !(await deps.conversations.removeItem(caller.scope, id, itemId))) throw noItem(itemId);
        res.json(toConversationObject(await requireConversation(deps, caller.scope, id)));
      },
    }),
  ];
}
