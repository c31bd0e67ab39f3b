/** The shapes of approvals in answers, for the OpenAPI document. */
import { z } from 'zod';

const seconds = z.int().describe('Seconds since the epoch.');

export const approvalSchema = z
  .object({
    id: z.string(),
    object: z.literal('approval'),
    status: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled']),
    response_id: z.string(),
    conversation_id: z.string().nullable(),
    item_id: z.string().describe('The item of the call.'),
    name: z.string().describe('The tool.'),
    arguments: z.string().describe('JSON text, as the model wrote it.'),
    arguments_hash: z.string().describe('SHA-256 over tool and arguments: what the decision is bound to.'),
    effect: z.enum(['read', 'keyed', 'unkeyed']),
    because: z.object({ code: z.string(), message: z.string() }),
    mode: z.enum(['wait', 'return']),
    created_at: seconds,
    expires_at: seconds,
    escalated_at: seconds.nullable(),
    decided_at: seconds.nullable(),
    decided_by: z.string().nullable(),
    origin: z.string().nullable().describe('person, link, response, consent, deadline, message or cancel.'),
    reason: z.string().nullable(),
    edited_arguments: z.string().nullable(),
    remember: z.literal('conversation').nullable(),
  })
  .meta({ id: 'Approval' });

export const madeLinkSchema = z
  .object({
    object: z.literal('approval_link'),
    id: z.string(),
    url: z.string().describe('Whoever has it can decide, once.'),
    expires_at: seconds,
  })
  .meta({ id: 'MadeApprovalLink' });

export const approvalLinkSchema = z
  .object({
    object: z.literal('approval_link'),
    id: z.string(),
    status: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled']),
    agent: z.string(),
    tool: z.string(),
    effect: z.enum(['read', 'keyed', 'unkeyed']),
    because: z.object({ code: z.string(), message: z.string() }),
    arguments: z.string().describe('For reading: indented, and cut when `arguments_cut`.'),
    arguments_cut: z.boolean().describe('Too long to show: then the link can only deny.'),
    arguments_hash: z.string(),
    expires_at: seconds,
  })
  .meta({ id: 'ApprovalLink' });

export const approvalListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(approvalSchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'ApprovalList' });

export const consentListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z
        .object({
          id: z.string().describe('The approval that gave it, the newest of several.'),
          object: z.literal('consent'),
          tool: z.string(),
          given_by: z.string().nullable(),
          given_at: seconds,
        })
        .meta({ id: 'Consent' }),
    ),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'ConsentList' });

export const endedConsentSchema = z
  .object({ tool: z.string(), object: z.literal('consent.deleted'), deleted: z.literal(true) })
  .meta({ id: 'EndedConsent' });
