/** Telling the operator's webhook that nobody has decided yet, with a link that decides. What the call is about stays here. */
import { makeApprovalLink } from '../domain/approval-link.js';
import type { EscalationNoticeInput } from '../domain/approval-contract.js';
import { failure } from '../domain/failures.js';
import type { JsonObject } from '../domain/json.js';
import { GATE_EXPLANATIONS } from '../domain/policy.js';
import type { ApprovalRecord } from '../domain/ports/approval-store.js';
import type { SecretBox } from '../domain/ports/secret-box.js';
import type { Webhook } from '../domain/ports/webhook.js';
import type { Scope } from '../domain/scope.js';
import type { ActivityDeps, RunContext } from './activity-deps.js';

export interface EscalationDeps {
  readonly webhook: Webhook;
  readonly box: SecretBox;
  /** Where people reach this server; null while that is not known. */
  readonly baseUrl: () => string | null;
}

/** No principal: ids of those have no colon. */
const MADE_BY = 'turnstone:escalation';

export async function notifyEscalation(
  deps: Pick<ActivityDeps, 'approvals' | 'escalation'>,
  scope: Scope,
  { approvalId }: EscalationNoticeInput,
  run: RunContext,
): Promise<void> {
  const { escalation } = deps;
  const approval = await deps.approvals.get(scope, approvalId);
  if (escalation === undefined || approval?.status !== 'pending') return;
  const body = await noticeOf(escalation, scope.tenantId, approval);
  await escalation.webhook.send({ id: `escalated_${approvalId}`, body }, run.signal);
  run.log.info({ approvalId }, 'the webhook was told that nobody has decided yet');
}

/** The same for every repeat, the link included. */
async function noticeOf(escalation: EscalationDeps, tenantId: string, approval: ApprovalRecord): Promise<JsonObject> {
  const { id, turnId, conversationId, name, because, expiresAtMs, escalatedAtMs } = approval;
  return {
    type: 'approval.escalated',
    timestamp: isoTime(escalatedAtMs ?? approval.createdAtMs),
    data: {
      tenant_id: tenantId,
      approval_id: id,
      response_id: turnId,
      conversation_id: conversationId,
      tool: name,
      reason: { code: because, message: GATE_EXPLANATIONS[because] },
      expires_at: isoTime(expiresAtMs),
      link: await linkTo(escalation, tenantId, approval),
    },
  };
}

async function linkTo(
  { box, baseUrl }: EscalationDeps,
  tenantId: string,
  approval: ApprovalRecord,
): Promise<JsonObject | null> {
  // Without a master key nothing can be signed: whoever hears of it decides with a key.
  if (!box.available) return null;
  const base = baseUrl();
  if (base === null)
    throw failure('webhook.failed', 'The API does not listen yet, so no link can be made; tried again.');
  const id = approval.id.replace(/^[a-z]+_/, 'alink_');
  const made = await makeApprovalLink(box, {
    id,
    tenantId,
    madeBy: MADE_BY,
    approval,
    untilMs: null,
    baseUrl: base,
  });
  return { id, url: made.url, expires_at: isoTime(made.expiresAtMs) };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
