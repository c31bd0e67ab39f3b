/** What activities need from outside; `workers/main.ts` supplies it. */
import { failure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import type { BudgetStore } from '../domain/ports/budget-store.js';
import type { ApprovalStore } from '../domain/ports/approval-store.js';
import type { EffectStore } from '../domain/ports/effect-store.js';
import type { EventLog } from '../domain/ports/event-log.js';
import type { FileStore } from '../domain/ports/file-store.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Metrics } from '../domain/ports/metrics.js';
import type { ModelRegistry } from '../domain/ports/model.js';
import type { Egress, Tool } from '../domain/ports/tool-runtime.js';
import type { NextTurn, TurnStore } from '../domain/ports/turn-store.js';
import type { AnswerRules } from './answer-filter.js';
import type { EscalationDeps } from './escalation.js';
import type { TurnCredentials } from '../domain/ports/turn-credentials.js';

export interface ActivityDeps {
  readonly turns: TurnStore;
  readonly budgets: BudgetStore;
  readonly effects: EffectStore;
  readonly approvals: ApprovalStore;
  readonly files: FileStore;
  readonly credentials: TurnCredentials;
  readonly events: EventLog;
  readonly models: ModelRegistry;
  readonly tools: readonly Tool[];
  readonly egress: Egress;
  /** Who hears of escalated approvals; absent: nobody but the log. */
  readonly escalation?: EscalationDeps;
  /** What answers may hold; absent: no secrets are known and no image is proxied. */
  readonly answers?: AnswerRules;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where tool calls are scheduled; the turns' own queue when one process does everything. */
  readonly toolTaskQueue: string;
  /** Called with the turn that a commit let out of the queue; never throws. */
  readonly beginNext: (next: NextTurn) => Promise<void>;
}

/** Why a call ends before it is done; carried as the `reason` of the AbortSignal. */
export type StopReason = 'cancel' | 'deadline' | 'shutdown' | 'lost';

/** What a running step or tool call is given by whoever runs it: an activity or the head start. */
export interface RunContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Temporal's attempt number, 1 for the first. */
  readonly engineAttempt: number;
}

export function stopReason(signal: AbortSignal): StopReason | null {
  return signal.aborted ? (signal.reason as StopReason) : null;
}

/** Work that another attempt took over is not cancelled: it says so, and the engine's live attempt, if it is one, tries again. */
export function orOvertaken(signal: AbortSignal, error: Failure): Failure {
  if (stopReason(signal) !== 'lost') return error;
  return failure('turn.stale-attempt', 'Another attempt took this work over while it ran.', { cause: error });
}

/** Whether a failure is the user's cancel or the turn's deadline: what was made until then is kept and the turn closed. */
export function stoppedByUs(signal: AbortSignal, error: Failure): 'cancel' | 'deadline' | null {
  if (error.code !== 'turn.cancelled') return null;
  const reason = stopReason(signal);
  return reason === 'cancel' || reason === 'deadline' ? reason : null;
}
