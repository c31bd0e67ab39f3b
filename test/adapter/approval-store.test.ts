/**
 * The port of approvals over both databases and over the fake that other tests stand on: an approval is opened once per
 * call, one decision counts however many come at once, and others of the tenant neither see nor decide it.
 */
import { expect, it } from 'vitest';
import { newId } from '../../domain/ids.js';
import type { ApprovalQuery } from '../../domain/ports/approval-store.js';
import { internalScope } from '../../domain/scope.js';
import { approve, asking, describeApprovals, toApprove } from '../support/approval-stores.js';
import { aScope } from '../support/scope-builders.js';
import { anEnding } from '../support/turn-builders.js';

const anyone: ApprovalQuery = {
  status: null,
  conversationId: null,
  turnId: null,
  after: null,
  limit: 10,
  order: 'asc',
};
describeApprovals('approval store', (open) => {
  it('open: a row and an item after those of the step; a second opening finds both', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval, openedNow, outputIndex } = await asking(stores, scope);
    expect([openedNow, outputIndex]).toEqual([true, 1]);
    expect(approval).toMatchObject({
      status: 'pending',
      name: 'send_mail',
      principalId: 'user-1',
      argumentsHash: 'h1',
    });
    const again = await stores.approvals.open(internalScope(scope.tenantId, 'turn'), {
      turnId: approval.turnId,
      step: 1,
      mode: 'wait',
      withinMs: 1,
      calls: [toApprove({ argumentsHash: 'another' })],
    });
    expect(again).toEqual([{ approval, openedNow: false, outputIndex: 1 }]);
    const output = await stores.turns.output(scope, approval.turnId);
    expect(output.map(({ item }) => item.type)).toEqual(['turnstone:tool_call', 'mcp_approval_request']);
    expect(output[1]?.item.id).toBe(approval.id);
  });

  it('open on a turn that has ended: refused; a call that is not there: named', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope);
    const opening = { turnId: approval.turnId, step: 1, mode: 'wait', withinMs: 1, calls: [] } as const;
    const missing = { ...opening, calls: [toApprove({ callIndex: 7 })] };
    await expect(stores.approvals.open(scope, missing)).rejects.toMatchObject({ code: 'item.not-found' });
    await stores.turns.finish(scope, approval.turnId, anEnding());
    await expect(stores.approvals.open(scope, opening)).rejects.toMatchObject({ code: 'turn.cancelled' });
  });

  it('50 decisions at once: one counts, and all learn which', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        stores.approvals.decide(
          scope,
          approval.id,
          approve({ status: index % 2 === 0 ? 'approved' : 'denied', decidedBy: `user-${index}` }),
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.decidedNow)).toHaveLength(1);
    const counted = outcomes.find((outcome) => outcome.decidedNow)?.approval;
    expect(outcomes.every((outcome) => outcome.approval.decidedBy === counted?.decidedBy)).toBe(true);
    expect(await stores.approvals.get(scope, approval.id)).toEqual(counted);
  });

  it('a decision about other arguments: refused, nothing is decided', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope);
    const other = approve({ argumentsHash: 'h2' });
    await expect(stores.approvals.decide(scope, approval.id, other)).rejects.toMatchObject({
      code: 'approval.changed',
    });
    expect((await stores.approvals.get(scope, approval.id))?.status).toBe('pending');
  });

  it('edited arguments: kept beside the ones of the model, with their hash', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope);
    const edited = { arguments: '{"to":"b"}', hash: 'h-edited' };
    const outcome = await stores.approvals.decide(scope, approval.id, approve({ edited, argumentsHash: 'h1' }));
    expect(outcome.approval).toMatchObject({
      status: 'approved',
      arguments: approval.arguments,
      argumentsHash: 'h1',
      editedArguments: '{"to":"b"}',
      editedHash: 'h-edited',
    });
  });

  it('a decision after the deadline: the approval is expired instead', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope, { withinMs: -1 });
    const outcome = await stores.approvals.decide(scope, approval.id, approve());
    expect(outcome).toMatchObject({ decidedNow: false, approval: { status: 'expired', decidedBy: null } });
  });

  it('another user and another tenant: neither see nor decide it; an administrator of the tenant does', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope);
    const strangers = [aScope({ tenantId: scope.tenantId, principalId: 'user-2' }), await stores.newScope()];
    for (const stranger of strangers) {
      expect(await stores.approvals.get(stranger, approval.id)).toBeNull();
      expect((await stores.approvals.list(stranger, anyone)).approvals).toEqual([]);
      await expect(stores.approvals.decide(stranger, approval.id, approve())).rejects.toMatchObject({
        code: 'approval.not-found',
      });
      expect(
        await stores.approvals.settlePending(stranger, approval.turnId, {
          status: 'denied',
          origin: 'message',
          reason: null,
        }),
      ).toEqual([]);
    }
    const admin = aScope({ tenantId: scope.tenantId, principalId: 'boss', scopes: ['admin'] });
    expect((await stores.approvals.decide(admin, approval.id, approve())).decidedNow).toBe(true);
  });

  it('list: by status, conversation and turn, in pages', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { id } = await stores.conversations.create(scope, {
      id: newId('conversation'),
      title: null,
      metadata: {},
    });
    const first = await asking(stores, scope, { conversationId: id });
    const second = await asking(stores, scope);
    const third = await asking(stores, scope);
    await stores.approvals.decide(scope, third.approval.id, approve());
    const idsOf = async (query: Partial<ApprovalQuery>): Promise<string[]> =>
      (await stores.approvals.list(scope, { ...anyone, ...query })).approvals.map((each) => each.id);
    const ids = [first, second, third].map(({ approval }) => approval.id);
    expect(await idsOf({})).toEqual(ids);
    expect(await idsOf({ order: 'desc', limit: 1 })).toEqual([ids[2]]);
    expect(await idsOf({ after: ids[0] ?? null })).toEqual(ids.slice(1));
    expect(await idsOf({ status: 'pending' })).toEqual(ids.slice(0, 2));
    expect(await idsOf({ conversationId: id })).toEqual([ids[0]]);
    expect(await idsOf({ turnId: second.approval.turnId })).toEqual([ids[1]]);
    await expect(idsOf({ after: 'appr_unknown' })).rejects.toMatchObject({ code: 'request.invalid', param: 'after' });
  });

  it('settle all of a turn: what is decided stays; escalate: once', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope);
    expect(await stores.approvals.escalate(scope, approval.turnId)).toHaveLength(1);
    expect(await stores.approvals.escalate(scope, approval.turnId)).toEqual([]);
    const how = { status: 'denied', origin: 'message', reason: 'something else now' } as const;
    const settled = await stores.approvals.settlePending(scope, approval.turnId, how);
    expect(settled).toMatchObject([{ id: approval.id, ...how }]);
    expect(await stores.approvals.settlePending(scope, approval.turnId, how)).toEqual([]);
    expect((await stores.approvals.decide(scope, approval.id, approve())).decidedNow).toBe(false);
  });

  it.each([
    ['wait', 'cancelled', 'cancelled'],
    ['wait', 'completed', 'cancelled'],
    ['return', 'completed', 'pending'],
    ['return', 'cancelled', 'cancelled'],
  ] as const)('a turn of mode %s that ends %s: its approval is %s', async (mode, status, expected) => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope, { mode });
    await stores.turns.finish(scope, approval.turnId, anEnding({ status }));
    expect((await stores.approvals.get(scope, approval.id))?.status).toBe(expected);
  });

  it('a decision no workflow heard of: found until it is heard; of ended turns: not', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const { approval } = await asking(stores, scope);
    const unheard = async (): Promise<string[]> =>
      (await stores.approvals.listUnheard(-1000, 1000))
        .filter((each) => each.tenantId === scope.tenantId)
        .map((each) => each.approvalId);
    await stores.approvals.markHeard(scope, [approval.id]);
    await stores.approvals.decide(scope, approval.id, approve());
    expect(await unheard()).toEqual([approval.id]);
    await stores.approvals.markHeard(scope, [approval.id]);
    expect(await unheard()).toEqual([]);
    const other = await asking(stores, scope);
    await stores.approvals.decide(scope, other.approval.id, approve());
    await stores.turns.finish(scope, other.approval.turnId, anEnding());
    expect(await unheard()).toEqual([]);
  });

  it('pending approvals of ended turns: expire after their deadline, those of running turns are left to them', async () => {
    const stores = open();
    const scope = await stores.newScope();
    const ended = await asking(stores, scope, { mode: 'return', withinMs: -1 });
    const running = await asking(stores, scope, { withinMs: -1 });
    await stores.turns.finish(scope, ended.approval.turnId, anEnding());
    await stores.approvals.expireAbandoned(1000);
    expect((await stores.approvals.get(scope, ended.approval.id))?.status).toBe('expired');
    expect((await stores.approvals.get(scope, running.approval.id))?.status).toBe('pending');
  });
});
