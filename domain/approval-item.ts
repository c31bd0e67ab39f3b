/** The standard's two items about approvals, as they are stored and as clients send them. */
import { z } from 'zod';

/** Asks for the decision about one call, in the words of the standard; its id is the approval's. */
export interface McpApprovalRequestItem {
  readonly type: 'mcp_approval_request';
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly server_label: string;
}
/** A decision that came as input of a request. */
export interface McpApprovalResponseItem {
  readonly type: 'mcp_approval_response';
  readonly id: string;
  readonly approval_request_id: string;
  readonly approve: boolean;
  readonly reason?: string | null;
}

/** Of a decision; the model is told it. */
export const MAX_REASON_CHARS = 4000;

export const echoedApprovalRequestSchema = z.looseObject({
  type: z.literal('mcp_approval_request'),
  id: z.string().max(128),
});
export const approvalResponseSchema = z.object({
  type: z.literal('mcp_approval_response'),
  id: z.string().max(128).nullish(),
  approval_request_id: z.string().min(1).max(128),
  approve: z.boolean(),
  reason: z.string().max(MAX_REASON_CHARS).nullish(),
});
