/** The stores that approvals live in, over both databases and in memory, and turns that ask. */
import { describe } from 'vitest';
import { createApprovalStore } from '../../adapters/postgres/approval-store.js';
import { createConversationStore } from '../../adapters/postgres/conversation-store.js';
import { createTurnStore } from '../../adapters/postgres/turn-store.js';
import type { CallToApprove } from '../../domain/approval.js';
import { newId } from '../../domain/ids.js';
import type { ApprovalStore, Decision, OpenedApproval } from '../../domain/ports/approval-store.js';
import type { ConversationStore } from '../../domain/ports/conversation-store.js';
import type { TurnStore } from '../../domain/ports/turn-store.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { describeOnDatabases } from './database.js';
import { createInMemoryApprovalStore } from './in-memory-approvals.js';
import { createInMemoryConversationStore } from './in-memory-stores.js';
import { createMemoryTables } from './in-memory-stores-tables.js';
import { createInMemoryTurnStore } from './in-memory-stores-turns.js';
import { aScope } from './scope-builders.js';
import { aCallingStep, aNewTurn, aToolItem } from './turn-builders.js';

export interface ApprovalStores {
  readonly turns: TurnStore;
  readonly approvals: ApprovalStore;
  readonly conversations: ConversationStore;
  newScope(): Promise<Scope>;
}

const WEEK_MS = 7 * 86_400_000;
export const approve = (change: Partial<Decision> = {}): Decision => ({
  status: 'approved',
  origin: 'person',
  decidedBy: 'user-1',
  reason: null,
  edited: null,
  remember: null,
  argumentsHash: null,
  ...change,
});
export const toApprove = (change: Partial<CallToApprove> = {}): CallToApprove & { approvalId: string } => ({
  approvalId: newId('approval'),
  callIndex: 0,
  argumentsHash: 'h1',
  because: 'rule',
  standing: false,
  ...change,
});

/** A turn whose step 1 has made one call, and asks for its approval. */
export async function asking(
  stores: ApprovalStores,
  scope: Scope,
  options: {
    conversationId?: string;
    withinMs?: number;
    mode?: 'wait' | 'return';
    call?: Partial<CallToApprove>;
  } = {},
): Promise<OpenedApproval> {
  const { conversationId = null, withinMs = WEEK_MS, mode = 'wait', call = {} } = options;
  const { turn } = await stores.turns.accept(scope, aNewTurn({ conversationId }));
  await stores.turns.commitStep(scope, aCallingStep(turn.id, aToolItem({ name: 'send_mail' })));
  const [opened] = await stores.approvals.open(internalScope(scope.tenantId, 'turn'), {
    turnId: turn.id,
    step: 1,
    mode,
    withinMs,
    calls: [toApprove(call)],
  });
  if (opened === undefined) throw new Error('nothing was opened');
  return opened;
}

/** The same suite over each implementation of the port. */
export function describeApprovals(name: string, suite: (open: () => ApprovalStores) => void): void {
  describeOnDatabases(name, (open) =>
    suite(() => {
      const { database, newScope } = open();
      return {
        turns: createTurnStore(database),
        approvals: createApprovalStore(database),
        conversations: createConversationStore(database),
        newScope: () => newScope(),
      };
    }),
  );

  describe(`${name}, in memory`, () =>
    suite(() => {
      const tables = createMemoryTables();
      return {
        turns: createInMemoryTurnStore(tables),
        approvals: createInMemoryApprovalStore(tables),
        conversations: createInMemoryConversationStore(tables),
        newScope: async () => aScope(),
      };
    }));
}
