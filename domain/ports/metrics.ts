/** What the product counts. One method per fact; the Prometheus adapter gives names, labels and buckets. */
import type { TokenUsage } from '../pricing.js';

export interface Metrics {
  requestFinished(fact: { route: string; method: string; status: number; durationMs: number }): void;
  /** Open event streams: +1 and -1. */
  streamOpened(): void;
  streamClosed(): void;
  turnFinished(fact: { agent: string; status: string; durationMs: number }): void;
  /** From acceptance to the first output token. */
  firstToken(fact: { agent: string; durationMs: number }): void;
  stepFinished(fact: { agent: string; durationMs: number }): void;
  modelCallFinished(fact: {
    model: string;
    outcome: string;
    durationMs: number;
    firstTokenMs: number | null;
    usage: TokenUsage;
    costMicros: number | null;
  }): void;
  /** An activity attempt after the first. */
  retried(fact: { activity: string; code: string }): void;
  fellBack(fact: { from: string; to: string; code: string }): void;
  toolCallFinished(fact: { tool: string; outcome: string; durationMs: number }): void;
  /** From the request to cancel to the closed provider socket or tool. */
  cancelled(fact: { latencyMs: number }): void;
  swept(fact: { outcome: 'restarted' | 'settled' }): void;
  /** What happens to approvals: `requested`, `consented`, `escalated`, `resent`, or what they ended as. */
  approval(fact: { event: string }): void;
}
