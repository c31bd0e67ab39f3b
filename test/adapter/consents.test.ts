/** Consents for the rest of a conversation: what they cover, that they are seen, and that they can be taken back by their owner. */
import { expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { Scope } from '../../domain/scope.js';
import { approve, asking, describeApprovals } from '../support/approval-stores.js';
import type { ApprovalStores } from '../support/approval-stores.js';
import { anEnding } from '../support/turn-builders.js';

const aConversation = async ({ conversations }: ApprovalStores, scope: Scope): Promise<string> =>
  (await conversations.create(scope, { id: newId('conversation'), title: null, metadata: {} })).id;

/** A call that may stand on a consent; its turn has ended. */
async function called(
  stores: ApprovalStores,
  scope: Scope,
  conversationId: string,
  consents = false,
): Promise<ApprovalRecord> {
  const { approval } = await asking(stores, scope, { conversationId, call: { standing: true } });
  if (consents) await stores.approvals.decide(scope, approval.id, approve({ remember: 'conversation' }));
  await stores.turns.finish(scope, approval.turnId, anEnding());
  return approval;
}

describeApprovals('consents', (open) => {
  it('a standing consent: covers later calls of the tool in the conversation where it may, and asks nobody', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { id: conversationId } = await stores.conversations.create(scope, {
      id: newId('conversation'),
      title: null,
      metadata: {},
    });
    const first = await asking(stores, scope, { conversationId, call: { standing: true } });
    await stores.approvals.decide(scope, first.approval.id, approve({ remember: 'conversation' }));
    await stores.turns.finish(scope, first.approval.turnId, anEnding());
    const covered = await asking(stores, scope, { conversationId, call: { standing: true } });
    expect(covered).toMatchObject({ outputIndex: null, approval: { status: 'approved', origin: 'consent' } });
    await stores.turns.finish(scope, covered.approval.turnId, anEnding());
    const strict = await asking(stores, scope, { conversationId, call: { standing: false } });
    expect(strict.approval.status).toBe('pending');
    const elsewhere = await asking(stores, scope, { call: { standing: true } });
    expect(elsewhere.approval.status).toBe('pending');
  });

  it('list and end: seen with who gave it; ended, the next call is asked about and the decision stays as it was', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const conversationId = await aConversation(stores, scope);
    expect(await stores.approvals.listConsents(scope, conversationId, 10)).toEqual([]);
    const given = await called(stores, scope, conversationId, true);
    expect(await stores.approvals.listConsents(scope, conversationId, 10)).toMatchObject([
      { tool: 'send_mail', approvalId: given.id, givenBy: 'user-1' },
    ]);
    expect((await called(stores, scope, conversationId)).status).toBe('approved');
    expect(await stores.approvals.revokeConsent(scope, conversationId, 'another')).toBe(false);
    expect(await stores.approvals.revokeConsent(scope, conversationId, 'send_mail')).toBe(true);
    expect(await stores.approvals.revokeConsent(scope, conversationId, 'send_mail')).toBe(false);
    expect(await stores.approvals.listConsents(scope, conversationId, 10)).toEqual([]);
    expect((await called(stores, scope, conversationId)).status).toBe('pending');
    expect(await stores.approvals.get(scope, given.id)).toMatchObject({ status: 'approved', remember: 'conversation' });
  });

  it('given again after it was ended: it stands again', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const conversationId = await aConversation(stores, scope);
    await called(stores, scope, conversationId, true);
    await stores.approvals.revokeConsent(scope, conversationId, 'send_mail');
    const again = await called(stores, scope, conversationId, true);
    expect(await stores.approvals.listConsents(scope, conversationId, 10)).toMatchObject([{ approvalId: again.id }]);
    expect((await called(stores, scope, conversationId)).status).toBe('approved');
  });

  it('another user and another tenant: neither see nor end it', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const conversationId = await aConversation(stores, scope);
    await called(stores, scope, conversationId, true);
    const others = [await stores.newScope(), { ...scope, principalId: 'somebody-else', scopes: ['write' as const] }];
    for (const other of others) {
      expect(await stores.approvals.listConsents(other, conversationId, 10)).toEqual([]);
      expect(await stores.approvals.revokeConsent(other, conversationId, 'send_mail')).toBe(false);
    }
    expect(await stores.approvals.listConsents(scope, conversationId, 10)).toHaveLength(1);
  });
});
