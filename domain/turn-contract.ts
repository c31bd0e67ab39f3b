/**
 * The contract between the workflow `turn`, its activities and whoever starts it. Zod-free and Node-free: the workflow
 * imports it. All of it is JSON and small: ids, names, counts, decisions and previews of at most 512 bytes, never content.
 */
import type { ApprovalState } from './approval.js';
import type { LimitReason, TurnLimits } from './limits.js';
import type { GateReason, TurnPolicy } from './policy.js';
import type { ApprovalRule, ToolEffect } from './tool.js';
import type { IncompleteReason, TerminalStatus } from './turn.js';
import { workflowIdOf } from './workflow-ids.js';

export const TURN_WORKFLOW_TYPE = 'turn';
export const PROGRESS_QUERY = 'progress';
export const DEFAULT_TASK_QUEUE = 'turnstone';
export const PREVIEW_MAX_BYTES = 200;

export const SEARCH_ATTRIBUTES = {
  tenant: 'TurnstoneTenant',
  user: 'TurnstoneUser',
  conversation: 'TurnstoneConversation',
  agent: 'TurnstoneAgent',
  model: 'TurnstoneModel',
  outcome: 'TurnstoneOutcome',
} as const;

/** One workflow id per conversation makes Temporal the lock: one running turn each. */
export function turnWorkflowId({ tenantId, turnId, conversationId }: TurnRef): string {
  return conversationId === null
    ? workflowIdOf('turn', tenantId, turnId)
    : workflowIdOf('conversation', tenantId, conversationId);
}

/** The id such a turn had before 0.2.0: one that was running during the update has it until it ends. */
export function olderTurnWorkflowId({ turnId, conversationId }: TurnRef): string {
  return conversationId === null ? `turn/${turnId}` : `conversation/${conversationId}`;
}

/** What finds a turn in the engine. */
export interface TurnRef {
  readonly tenantId: string;
  readonly turnId: string;
  readonly conversationId: string | null;
}

/** What names a turn in every argument and every log line. */
export interface TurnIds extends TurnRef {
  readonly requestId: string;
}

export interface TurnInput extends TurnIds {
  readonly limits: TurnLimits;
  /** What the client asked for; shown to operators. */
  readonly model: string;
  /** What the gate asks. Absent: a turn from before there were policies; its tools ask for nothing. */
  readonly policy?: TurnPolicy;
  /** Carried over `continueAsNew`; absent on the first run. */
  readonly resumed?: TurnLoopState;
  /** Set when the turn had ended before its workflow began: nothing is left to decide, only to record. */
  readonly closed?: ClosedAhead;
}

/** A turn that its head start took to the end, as the workflow would have recorded it. */
export interface ClosedAhead {
  readonly status: TerminalStatus;
  readonly state: TurnLoopState;
  /** The newest stages, as many as the progress view shows. */
  readonly stages: readonly ProgressStage[];
}

/** Older stages leave the view first: a turn of hundreds of calls keeps a readable table and a small query answer. */
export const MAX_STAGES = 50;

/** The loop's whole state: what a continued run starts from. */
export interface TurnLoopState {
  readonly step: number;
  readonly toolCalls: number;
  readonly tokens: number;
  readonly costMicros: number;
  readonly startedAtMs: number;
  /** `repeatKey` of a tool call -> how often. Bounded by maxToolCalls. */
  readonly repeats: Readonly<Record<string, number>>;
  /** The model has seen untrusted content; once true, true to the end of the turn. */
  readonly tainted?: boolean;
  /** Time the turn did nothing but wait for people; it does not count against the wall time. */
  readonly waitedMs?: number;
}

export interface TurnResult {
  readonly status: TerminalStatus;
  readonly steps: number;
  readonly toolCalls: number;
}

/** What the workflow of a turn that ended ahead of it returns: the turn's record. */
export function resultOfClosed({ status, state }: ClosedAhead): TurnResult {
  return { status, steps: state.step, toolCalls: state.toolCalls };
}

export interface CallModelInput extends TurnIds {
  readonly step: number;
  /** What is left of the turn's wall time; the activity ends the call and closes the turn when it is used up. */
  readonly remainingMs: number;
  /** Set when a limit is reached: answer without tools and close the turn as `incomplete` for this reason. */
  readonly wrapUp?: LimitReason;
}

/** A server-side tool call, as far as the workflow must know it to schedule it. */
export interface PlannedCall {
  readonly callIndex: number;
  readonly name: string;
  readonly taskQueue: string;
  readonly timeoutMs: number;
  readonly effect: ToolEffect;
  readonly preview: string;
  /** The tool reaches the network. */
  readonly egress?: boolean;
  /** Every address in the arguments stands in the user's own words or in the agent's list of trusted hosts. */
  readonly egressTrusted?: boolean;
  /** What the rules say about this tool with these arguments. */
  readonly approval?: ApprovalRule;
  /** SHA-256 over name and arguments, hexadecimal: what a decision is bound to. */
  readonly argumentsHash?: string;
}

export interface CallModelResult {
  /** `calls`: run them and come back. Everything else closed the turn in the same commit. */
  readonly outcome: 'calls' | 'closed';
  /** Status the turn was closed with; null for `calls`. */
  readonly status: TerminalStatus | null;
  readonly model: string;
  readonly calls: readonly PlannedCall[];
  /** Calls the client must answer: after this step's own calls the turn ends. */
  readonly clientCalls: number;
  /** The context the model saw held parts from outside: pages, files, tool results. */
  readonly tainted?: boolean;
  readonly tokens: number;
  readonly costMicros: number;
}

export interface RunToolInput extends TurnIds {
  readonly step: number;
  readonly callIndex: number;
  readonly remainingMs: number;
  /** Do not run it: tell the model that this limit refused the call. */
  readonly refused?: LimitReason;
  /** Do not run it: tell the model that the gate refused the call. */
  readonly blocked?: GateReason;
  /** The decision about the call. `approved`: run it, after the store confirmed it; else tell the model. */
  readonly approval?: ApprovalState;
  /** What the workflow asked the gate with; the activity asks it again. */
  readonly tainted?: boolean;
  readonly egressTrusted?: boolean;
}

export interface RunToolResult {
  readonly status: 'completed' | 'failed' | 'outcome_unknown' | 'cancelled';
  /** Equal for calls that repeat: same tool, arguments and result (or the same tool called wrongly again). */
  readonly repeatKey: string;
  readonly preview: string;
}

export interface FinishTurnInput extends TurnIds {
  readonly status: TerminalStatus;
  readonly incompleteReason?: IncompleteReason;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Implemented in `activities/`. Every method is safe to repeat: it looks for its own committed result first. */
export interface TurnActivities {
  /** One model step. Throws ApplicationFailure with `type` = failure code; retryable ones per the failure table. */
  callModel(input: CallModelInput): Promise<CallModelResult>;
  /** One tool call. A failed tool is a result; only infrastructure throws. */
  runTool(input: RunToolInput): Promise<RunToolResult>;
  /** Write the terminal state if the turn has none yet, and its one terminal event. */
  finishTurn(input: FinishTurnInput): Promise<void>;
}

/** Answer of the query `progress`. */
export interface TurnProgressView {
  readonly turnId: string;
  readonly step: number;
  readonly phase: 'model' | 'tools' | 'waiting' | 'finishing' | 'done';
  readonly stages: readonly ProgressStage[];
  /** Decisions the turn waits for; absent when there are none. */
  readonly waiting?: readonly WaitingApproval[];
  readonly used: {
    readonly steps: number;
    readonly toolCalls: number;
    readonly tokens: number;
    readonly costMicros: number;
  };
  readonly limits: TurnLimits;
}

export interface WaitingApproval {
  readonly approvalId: string;
  readonly step: number;
  readonly callIndex: number;
  readonly name: string;
  readonly expiresAtMs: number;
  readonly escalated: boolean;
}

export interface ProgressStage {
  readonly step: number;
  readonly name: string;
  readonly status: 'running' | 'waiting' | 'completed' | 'failed' | 'outcome_unknown' | 'cancelled';
  readonly detail: string;
}
