/** Bodies and queries of `/v1/approvals`. */
import { z } from 'zod';
import { MAX_REASON_CHARS } from '../../domain/approval-item.js';
import { closedObject } from './closed-object.js';
import { jsonValueSchema, pageQuerySchema } from './field-schemas.js';

export const approvalQuerySchema = pageQuerySchema.extend({
  status: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled']).optional(),
  conversation: z.string().max(128).optional().describe('Of this conversation only.'),
  response: z.string().max(128).optional().describe('Of this response only.'),
});

/** A month; an approval's own deadline comes first. */
const MAX_LINK_SECONDS = 2_592_000;

export const linkRequestSchema = closedObject({
  expires_in: z
    .int()
    .min(60)
    .max(MAX_LINK_SECONDS)
    .nullish()
    .describe('Seconds; left out, and at the most: until the deadline of the approval.'),
}).meta({ id: 'ApprovalLinkCreate', example: { expires_in: 86_400 } });

export const linkDecisionSchema = closedObject({
  decision: z.enum(['approve', 'deny']),
  reason: z.string().max(MAX_REASON_CHARS).nullish().describe('The model is told it.'),
}).meta({ id: 'ApprovalLinkDecision', example: { decision: 'deny', reason: 'too expensive' } });
export type LinkDecisionParams = z.infer<typeof linkDecisionSchema>;

export const decisionSchema = closedObject({
  decision: z.enum(['approve', 'deny']),
  reason: z.string().max(MAX_REASON_CHARS).nullish().describe('The model is told it.'),
  arguments: z
    .record(z.string(), jsonValueSchema)
    .nullish()
    .describe('In place of the arguments of the model; checked against the tool.'),
  arguments_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'the `arguments_hash` of the approval')
    .nullish()
    .describe('Refuses the decision when the approval is for other arguments.'),
  remember: z
    .literal('conversation')
    .nullish()
    .describe('Approve later calls of this tool in the conversation too, where its rule is `ask`.'),
}).meta({ id: 'ApprovalDecision', example: { decision: 'approve' } });
export type DecisionParams = z.infer<typeof decisionSchema>;
