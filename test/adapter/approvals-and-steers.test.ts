/** Proven: a message that waits to join a turn which waits for a decision is taken for the answer, and nobody else's approvals are. */
import { expect, it } from 'vitest';
import { createApprovalStore } from '../../adapters/postgres/approval-store.js';
import { OVERTAKEN_REASON } from '../../domain/approval.js';
import { newId } from '../../domain/ids.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import { internalScope } from '../../domain/scope.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench } from '../support/store-bench.js';
import { aCallingStep, aNewSteer, aNewTurn, aToolItem } from '../support/turn-builders.js';

describeOnDatabases('approvals and messages', (open) => {
  it('the message waits: its turn’s approval is denied and found as unheard, once; others are left', async () => {
    const { turns, steers, scope } = await aStoreBench(open());
    const approvals = createApprovalStore(open().database);
    const ask = async (): Promise<ApprovalRecord> => {
      const { turn } = await turns.accept(scope, aNewTurn());
      await turns.commitStep(scope, aCallingStep(turn.id, aToolItem({ name: 'send_mail' })));
      const call = {
        approvalId: newId('approval'),
        callIndex: 0,
        argumentsHash: 'h1',
        because: 'rule',
        standing: false,
      } as const;
      const asked = { turnId: turn.id, step: 1, mode: 'wait', withinMs: 60_000, calls: [call] } as const;
      const [opened] = await approvals.open(internalScope(scope.tenantId, 'turn'), asked);
      if (opened === undefined) throw new Error('nothing was opened');
      return opened.approval;
    };
    const [steered, left] = [await ask(), await ask()];
    await steers.add(scope, aNewSteer(steered.turnId, 'never mind'));
    expect(await approvals.denyOvertaken(left.turnId, 10)).toBe(0);
    expect(await approvals.denyOvertaken(null, 1000)).toBe(1);
    const denied = { status: 'denied', origin: 'message', reason: OVERTAKEN_REASON };
    expect(await approvals.get(scope, steered.id)).toMatchObject(denied);
    expect((await approvals.get(scope, left.id))?.status).toBe('pending');
    const unheard = await approvals.listUnheard(-1000, 1000);
    expect(unheard.map(({ approvalId }) => approvalId)).toContain(steered.id);
    expect(await approvals.denyOvertaken(steered.turnId, 10)).toBe(0);
  });
});
