/** What was used and what it cost: the ledger of model calls, and its sums. */
import type { TokenUsage } from '../pricing.js';
import type { Scope } from '../scope.js';
import type { ModelCallEntry } from './turn-store.js';

export interface UsageTotals {
  readonly turns: number;
  readonly usage: TokenUsage;
  readonly costMicros: number;
  /** True when a model without a known price took part: the cost is then a lower bound. */
  readonly costIncomplete: boolean;
}

export interface RecordedModelCall extends ModelCallEntry {
  readonly step: number;
  readonly attempt: number;
  readonly createdAtMs: number;
}

export interface UsageStore {
  /** Over all turns of a conversation, on every branch; zero for one without turns. */
  ofConversation(scope: Scope, conversationId: string): Promise<UsageTotals>;
  /** The calls of a turn in the order they were made, failed ones included. At most 1,000. */
  callsOf(scope: Scope, turnId: string): Promise<readonly RecordedModelCall[]>;
}
