/** `/v1/conversations/{id}/consents`: what was approved for the rest of a conversation, and the way back. */
import { failure } from '../../domain/failures.js';
import type { Consent } from '../../domain/ports/approval-store.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { requireConversation } from '../conversation-access.js';
import { toList } from '../projections/item-list.js';
import { consentListSchema, endedConsentSchema } from '../schemas/approval-answer.js';

const TAG = 'Approvals';
/** An agent has fewer tools than this. */
const MAX_CONSENTS = 1_000;
const MAX_TOOL_NAME = 128;

function toConsentObject({ tool, approvalId, givenBy, givenAtMs }: Consent): { readonly id: string } {
  return {
    id: approvalId,
    object: 'consent',
    tool,
    given_by: givenBy,
    given_at: Math.floor(givenAtMs / 1000),
  } as { readonly id: string };
}

export function createConsentRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'get',
      path: '/v1/conversations/{id}/consents',
      operationId: 'listConsents',
      summary: 'List the tools that are approved for the conversation',
      description:
        'One for each tool somebody approved with `remember: "conversation"`; `id` is the approval that gave it.',
      tag: TAG,
      scope: 'read',
      answers: { 200: { description: 'All of them, by tool', schema: consentListSchema } },
      async handle({ caller, param, res }) {
        const { id } = await requireConversation(deps, caller.scope, param('id'));
        const consents = await deps.approvals.listConsents(caller.scope, id, MAX_CONSENTS);
        res.json(toList(consents.map(toConsentObject), false));
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/v1/conversations/{id}/consents/{tool}',
      operationId: 'endConsent',
      summary: 'Ask about a tool again',
      description: 'Calls the model makes from now on are asked about; those that were let through are not stopped.',
      tag: TAG,
      scope: 'write',
      answers: { 200: { description: 'Ended', schema: endedConsentSchema } },
      async handle({ caller, context, param, res }) {
        const { id } = await requireConversation(deps, caller.scope, param('id'));
        const tool = param('tool');
        if (tool.length > MAX_TOOL_NAME || !(await deps.approvals.revokeConsent(caller.scope, id, tool))) {
          throw failure(
            'consent.not-found',
            `'${tool.slice(0, MAX_TOOL_NAME)}' is not approved for the conversation '${id}'. GET /v1/conversations/${id}/consents lists what is.`,
          );
        }
        context.logger.info({ conversationId: id, tool }, 'consent ended');
        res.json({ tool, object: 'consent.deleted', deleted: true });
      },
    }),
  ];
}
