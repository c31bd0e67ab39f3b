/** Proves what an escalation says and to whom: each waiting approval once, the same words in each repeat, no arguments, and a link that decides. */
import { beforeEach, describe, expect, it } from 'vitest';
import { approvalWork } from '../../activities/approvals.js';
import type { ActivityDeps, RunContext } from '../../activities/activity-deps.js';
import { createNoSecretBox, createSecretBox } from '../../adapters/secrets/secret-box.js';
import { readApprovalLink } from '../../domain/approval-link.js';
import { failure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { SecretBox } from '../../domain/ports/secret-box.js';
import type { WebhookMessage } from '../../domain/ports/webhook.js';
import { anAcceptedTurn, benchScope } from '../support/activity-bench.js';
import { aKeyRing } from '../support/in-memory-tenant-keys.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { aCallingStep, aToolItem } from '../support/turn-builders.js';

const HASH = 'c'.repeat(64);
let deps: ActivityDeps;
let approval: ApprovalRecord;
let sent: WebhookMessage[];
let answer: () => void;
const box = createSecretBox(aKeyRing());

const run = (engineAttempt = 1): RunContext => ({
  signal: new AbortController().signal,
  log: createRecordingLogger().logger,
  engineAttempt,
});
const withWebhook = (secrets: SecretBox = box, baseUrl: string | null = 'https://agents.example'): ActivityDeps => ({
  ...deps,
  escalation: {
    webhook: {
      send: async (message) => {
        sent.push(message);
        answer();
      },
    },
    box: secrets,
    baseUrl: () => baseUrl,
  },
});

beforeEach(async () => {
  sent = [];
  answer = () => undefined;
  const bench = await anAcceptedTurn([]);
  deps = bench.deps;
  const { id: turnId } = bench.turn;
  const item = aToolItem({ name: 'send_mail', arguments: '{"to":"canary"}' });
  await deps.turns.commitStep(benchScope, aCallingStep(turnId, item));
  const call = {
    approvalId: newId('approval'),
    callIndex: 0,
    argumentsHash: HASH,
    because: 'rule',
    standing: true,
  } as const;
  const [opened] = await deps.approvals.open(benchScope, {
    turnId,
    step: 1,
    mode: 'wait',
    withinMs: 60_000,
    calls: [call],
  });
  if (opened === undefined) throw new Error('no approval');
  ({ approval } = opened);
});

const ids = (): { tenantId: string; turnId: string; conversationId: null; requestId: string; step: number } => ({
  tenantId: benchScope.tenantId,
  turnId: approval.turnId,
  conversationId: null,
  requestId: 'req_1',
  step: 1,
});
const escalate = (using: ActivityDeps, attempt = 1): ReturnType<typeof approvalWork.escalateApprovals> =>
  approvalWork.escalateApprovals(using, benchScope, { ...ids(), approvalIds: [approval.id] }, run(attempt));
const notify = (using: ActivityDeps): Promise<void> =>
  approvalWork.notifyEscalation(using, benchScope, { ...ids(), approvalId: approval.id }, run());

describe('escalation', () => {
  it('without a webhook -> nobody is to be told; with one -> whoever waits, also when an attempt died before it could say so', async () => {
    expect(await escalate(deps)).toEqual({});
    expect(await escalate(withWebhook(), 2)).toEqual({ notify: [approval.id] });
  });

  it('decided before the escalation -> nobody is told', async () => {
    await deps.approvals.settlePending(benchScope, approval.turnId, {
      status: 'denied',
      origin: 'person',
      reason: null,
    });
    expect(await escalate(withWebhook())).toEqual({ notify: [] });
    await notify(withWebhook());
    expect(sent).toEqual([]);
  });

  it('the message: which call and until when, no arguments; the link in it opens this approval', async () => {
    await escalate(withWebhook());
    await notify(withWebhook());
    const [message] = sent;
    expect(message?.id).toBe(`escalated_${approval.id}`);
    expect(message?.body).toMatchObject({
      type: 'approval.escalated',
      data: {
        tenant_id: benchScope.tenantId,
        approval_id: approval.id,
        response_id: approval.turnId,
        conversation_id: null,
        tool: 'send_mail',
        reason: { code: 'rule' },
        expires_at: new Date(approval.expiresAtMs).toISOString(),
      },
    });
    expect(JSON.stringify(message)).not.toContain('canary');
    const { link } = message?.body['data'] as { link: { url: string; id: string } };
    expect(link.url).toMatch(/^https:\/\/agents\.example\/v1\/approval-links\//);
    expect(await readApprovalLink(box, link.url.split('/').at(-1) ?? '')).toMatchObject({
      state: 'valid',
      link: { id: link.id, approvalId: approval.id, argumentsHash: HASH, tenantId: benchScope.tenantId },
    });
  });

  it('a webhook that does not take it -> fails, and the repeat says the same word for word', async () => {
    await escalate(withWebhook());
    answer = () => {
      throw failure('webhook.failed', 'HTTP 500');
    };
    await expect(notify(withWebhook())).rejects.toMatchObject({ code: 'webhook.failed' });
    answer = () => undefined;
    await notify(withWebhook());
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
  });

  it('no master key -> told without a link; no address yet -> tried again', async () => {
    await escalate(withWebhook());
    await notify(withWebhook(createNoSecretBox()));
    expect(sent[0]?.body['data']).toMatchObject({ link: null });
    await expect(notify(withWebhook(box, null))).rejects.toMatchObject({ code: 'webhook.failed' });
    expect(sent).toHaveLength(1);
  });
});
