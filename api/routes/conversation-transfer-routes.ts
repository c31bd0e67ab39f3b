/** Archive, export and import of whole conversations. */
import type { ApiDeps } from '../api-deps.js';
import { isId } from '../../domain/ids.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { noConversation } from '../conversation-access.js';
import { toBundle, toExport } from '../projections/conversation-bundle.js';
import { toConversationObject } from '../projections/conversation-object.js';
import { bundleSchema, conversationSchema } from '../schemas/answer-schemas.js';
import { conversationImportSchema } from '../schemas/conversation-bundle.js';
import { archiveSchema } from '../schemas/conversation-request.js';

const TAG = 'Conversations';

export function createConversationTransferRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'post',
      path: '/v1/conversations/import',
      operationId: 'importConversation',
      summary: 'Import an exported conversation under new ids',
      description: 'Takes what export answers. Turns that had not ended when they were exported are refused.',
      tag: TAG,
      scope: 'write',
      body: conversationImportSchema,
      answers: { 201: { description: 'The new conversation', schema: conversationSchema } },
      async handle({ body, caller, context, res }) {
        const bundle = toBundle(body, { scope: caller.scope, requestId: context.requestId });
        res.status(201).json(toConversationObject(await deps.conversations.import(caller.scope, bundle)));
      },
    }),
    defineRoute({
      method: 'post',
      path: '/v1/conversations/{id}/archive',
      operationId: 'archiveConversation',
      summary: 'Archive a conversation, or take it back',
      tag: TAG,
      scope: 'write',
      body: archiveSchema,
      answers: { 200: { description: 'The conversation', schema: conversationSchema } },
      async handle({ body, caller, param, res }) {
        const id = param('id');
        const updated = isId(id)
          ? await deps.conversations.update(caller.scope, id, { archived: body.archived })
          : null;
        if (updated === null) throw noConversation(id);
        res.json(toConversationObject(updated));
      },
    }),
    defineRoute({
      method: 'get',
      path: '/v1/conversations/{id}/export',
      operationId: 'exportConversation',
      summary: 'Export a whole conversation',
      description: 'Every turn of the tree with its items. Files are named by id; their bytes are not part of it.',
      tag: TAG,
      scope: 'read',
      answers: { 200: { description: 'The conversation, lossless', schema: bundleSchema } },
      async handle({ caller, param, res }) {
        const id = param('id');
        const bundle = isId(id) ? await deps.conversations.export(caller.scope, id) : null;
        if (bundle === null) throw noConversation(id);
        res.setHeader('Content-Disposition', `attachment; filename="${id}.json"`);
        res.json(toExport(bundle));
      },
    }),
  ];
}
