/** Limits of one turn and the pure check the workflow makes before it schedules anything. Zod-free: workflows import it. */
export interface TurnLimits {
  /** Model calls with tools; at the limit one more call without tools writes the answer. */
  readonly maxSteps: number;
  readonly maxToolCalls: number;
  readonly maxWallTimeMs: number;
  /** Input plus output tokens over all model calls of the turn. */
  readonly maxTokens: number;
  /** Millionths of the price list's currency, over all model calls of the turn. */
  readonly maxCostMicros: number;
  /** The same call (name and arguments) with the same result this many times ends the loop. */
  readonly maxRepeats: number;
  /** More parallel calls than this in one step are refused and go back to the model as failed calls. */
  readonly maxParallelCalls: number;
}

export const DEFAULT_LIMITS: TurnLimits = {
  maxSteps: 30,
  maxToolCalls: 100,
  maxWallTimeMs: 30 * 60_000,
  maxTokens: 2_000_000,
  maxCostMicros: 10_000_000,
  maxRepeats: 3,
  maxParallelCalls: 16,
};

export type LimitReason =
  'max_steps' | 'max_tool_calls' | 'max_wall_time' | 'max_tokens' | 'max_cost' | 'repeated_call';

export interface TurnProgress {
  readonly steps: number;
  readonly toolCalls: number;
  readonly elapsedMs: number;
  readonly tokens: number;
  readonly costMicros: number;
  /** How often the most repeated (call, result) pair occurred. */
  readonly repeats: number;
}

/** The first limit that is used up, or null. Called before each step after the first and before each batch of calls. */
export function reachedLimit(limits: TurnLimits, progress: TurnProgress): LimitReason | null {
  if (progress.repeats >= limits.maxRepeats) return 'repeated_call';
  if (progress.steps >= limits.maxSteps) return 'max_steps';
  if (progress.toolCalls >= limits.maxToolCalls) return 'max_tool_calls';
  if (progress.elapsedMs >= limits.maxWallTimeMs) return 'max_wall_time';
  if (progress.tokens >= limits.maxTokens) return 'max_tokens';
  if (progress.costMicros >= limits.maxCostMicros) return 'max_cost';
  return null;
}

/** What the model is told when a limit ends the loop, so that its last answer can say what is missing. */
export const LIMIT_EXPLANATIONS: Record<LimitReason, string> = {
  max_steps: 'the limit of model steps for this turn is reached',
  max_tool_calls: 'the limit of tool calls for this turn is reached',
  max_wall_time: 'the time for this turn is used up',
  max_tokens: 'the token budget of this turn is used up',
  max_cost: 'the money budget of this turn is used up',
  repeated_call: 'the same tool call gave the same result several times',
};
