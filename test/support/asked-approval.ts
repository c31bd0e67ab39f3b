/** An approval that waits, in a turn of its own. */
import type { ApiDeps } from '../../api/api-deps.js';
import { newId } from '../../domain/ids.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { aCallingStep, aNewTurn, aToolItem } from './turn-builders.js';

export const ASKED_HASH = 'a'.repeat(64);

/** @param args as the model writes them; an object becomes JSON. */
export async function anAskedApproval(
  deps: Pick<ApiDeps, 'turns' | 'approvals'>,
  scope: Scope,
  args: object | string = { to: 'anna' },
  withinMs = 60_000,
): Promise<ApprovalRecord> {
  const { turn } = await deps.turns.accept(scope, aNewTurn());
  const text = typeof args === 'string' ? args : JSON.stringify(args);
  const item = aToolItem({ name: 'send_mail', arguments: text });
  await deps.turns.commitStep(scope, aCallingStep(turn.id, item));
  const call = { approvalId: newId('approval'), callIndex: 0, because: 'rule', standing: true } as const;
  const [opened] = await deps.approvals.open(internalScope(scope.tenantId, 'turn'), {
    turnId: turn.id,
    step: 1,
    mode: 'wait',
    withinMs,
    calls: [{ ...call, argumentsHash: ASKED_HASH }],
  });
  if (opened === undefined) throw new Error('no approval was opened');
  return opened.approval;
}
