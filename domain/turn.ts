/** A turn: one accepted request and everything that follows from it, until exactly one terminal status. */
import type { ApprovalRules } from './approval-rules.js';
import type { Item } from './item.js';
import type { JsonObject, JsonValue } from './json.js';
import type { LimitReason, TurnLimits } from './limits.js';
import type { TurnPolicy } from './policy.js';
import type { TokenUsage } from './pricing.js';
import type { TaintSettings } from './taint.js';

export type TurnStatus = 'queued' | 'in_progress' | 'completed' | 'failed' | 'incomplete' | 'cancelled';
export type TerminalStatus = Exclude<TurnStatus, 'queued' | 'in_progress'>;

export function isTerminal(status: TurnStatus): status is TerminalStatus {
  return status !== 'queued' && status !== 'in_progress';
}

/**
 * Why a turn is `incomplete`: a limit of ours, a budget, the model's own (`max_output_tokens`, `content_filter`), or a
 * decision that did not come in time.
 */
export type IncompleteReason =
  LimitReason | 'budget_exhausted' | 'max_output_tokens' | 'content_filter' | 'approval_expired';

/** A function tool the client runs itself. */
export interface ClientFunction {
  readonly name: string;
  readonly description: string | null;
  readonly parameters: JsonObject | null;
  readonly strict: boolean;
}

/** A built-in tool as it was when the turn began; another hash at run time refuses the call (`tool.changed`). */
export interface PinnedTool {
  readonly name: string;
  readonly schemaHash: string;
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

export type TextFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema';
      readonly name: string;
      readonly schema: JsonObject;
      readonly strict: boolean;
      readonly description: string | null;
    };

export type ForkChange = 'instructions' | 'input' | 'model' | 'tool_result';

/** Where a turn was forked from: its steps before `step` are copies of that turn's, and ran there. */
export interface TurnFork {
  readonly turnId: string;
  /** The first step of its own. */
  readonly step: number;
  readonly changed: readonly ForkChange[];
}

/** Everything about a turn that is fixed when it is accepted: an edit of an agent or a tool never changes a running turn. */
export interface TurnSettings {
  readonly agent: { readonly name: string; readonly version: string };
  /** What the client asked for as `model`; echoed in the response. */
  readonly requestedModel: string;
  /** `provider/model` names in fallback order, resolved at acceptance. */
  readonly modelChain: readonly string[];
  readonly agentInstructions: string;
  /** `instructions` of the request; they replace nothing of the agent's, they follow it. */
  readonly instructions: string | null;
  readonly tools: readonly PinnedTool[];
  readonly clientFunctions: readonly ClientFunction[];
  /** The request's `tools` as sent, echoed in the response. */
  readonly requestedTools: readonly JsonValue[];
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxOutputTokens: number | null;
  readonly maxToolCalls: number | null;
  readonly textFormat: TextFormat;
  readonly reasoningEffort: string | null;
  readonly truncation: 'auto' | 'disabled';
  readonly limits: TurnLimits;
  /** What the gate asks; absent in turns from before there were policies. */
  readonly policy?: TurnPolicy;
  /** The agent's rules by tool, effect class and arguments. */
  readonly approvalRules?: ApprovalRules;
  /** What counts as untrusted; absent in turns from before there was taint: all that comes from outside does. */
  readonly taint?: TaintSettings;
  /** Decisions this turn goes on with, where an earlier one ended with the requests for them. */
  readonly followUp?: { readonly approvalIds: readonly string[] };
  readonly user: string | null;
  readonly fork?: TurnFork;
  /** Answered with a key that came with the request, by this provider at this origin. The key itself is in a sealed row. */
  readonly providerKey?: { readonly provider: string; readonly origin: string };
}

export interface TurnError {
  readonly code: string;
  readonly message: string;
}

/** A turn row. Times are milliseconds since the epoch. */
export interface TurnRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly principalId: string;
  /** `items`: a node that only holds items a client put into a conversation; it never ran. */
  readonly kind: 'response' | 'items';
  readonly conversationId: string | null;
  readonly parentId: string | null;
  readonly status: TurnStatus;
  readonly settings: TurnSettings;
  readonly metadata: Readonly<Record<string, string>>;
  readonly background: boolean;
  /** False: `store: false`; readable while it runs, gone for GET afterwards, purged later. */
  readonly stored: boolean;
  readonly requestId: string;
  readonly usage: TokenUsage;
  readonly costMicros: number;
  /** True when a model without a known price took part: the cost is then a lower bound. */
  readonly costIncomplete: boolean;
  readonly error: TurnError | null;
  readonly incompleteReason: IncompleteReason | null;
  /** The model that wrote the last step, `provider/model`; null before the first. */
  readonly answeredBy: string | null;
  /** The number of the terminal event; null until the turn ends. */
  readonly lastSequence: number | null;
  readonly createdAtMs: number;
  readonly completedAtMs: number | null;
}

/** An item in its place: `step` 0 holds the input, 1… the steps; unique on (turn, step, index). */
export interface StoredItem {
  readonly turnId: string;
  readonly step: number;
  readonly index: number;
  readonly direction: 'input' | 'output';
  readonly item: Item;
}
