/** An agent: a model, instructions, tools and limits under a name. Files in `agents/*.yaml` are parsed by this schema. */
import { z } from 'zod';
import { agentApprovalsSchema } from './agent-approvals.js';
import { agentTaintSchema } from './agent-taint.js';
import type { TurnLimits } from './limits.js';

export const agentNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'a lower-case letter, then letters, digits and -');

export const limitsSchema = z
  .strictObject({
    max_steps: z.int().min(1).max(500),
    max_tool_calls: z.int().min(0).max(5000),
    max_wall_time_ms: z.int().min(1000).max(86_400_000),
    max_tokens: z.int().min(1),
    max_cost_micros: z.int().min(0),
    max_repeats: z.int().min(1).max(100),
    max_parallel_calls: z.int().min(1).max(128),
  })
  .partial();
/** Limits as users write them (request field `turnstone.limits`, agent files); missing ones fall to the next level. */
export type LimitsParam = z.infer<typeof limitsSchema>;

/** Limits as users write them, over those of the level below. */
export function withLimits(base: TurnLimits, params: LimitsParam): TurnLimits {
  return {
    maxSteps: params.max_steps ?? base.maxSteps,
    maxToolCalls: params.max_tool_calls ?? base.maxToolCalls,
    maxWallTimeMs: params.max_wall_time_ms ?? base.maxWallTimeMs,
    maxTokens: params.max_tokens ?? base.maxTokens,
    maxCostMicros: params.max_cost_micros ?? base.maxCostMicros,
    maxRepeats: params.max_repeats ?? base.maxRepeats,
    maxParallelCalls: params.max_parallel_calls ?? base.maxParallelCalls,
  };
}

export const agentSchema = z.strictObject({
  name: agentNameSchema,
  description: z.string().min(1).max(1000),
  /** `auto` takes the first provider found; else `provider/model`. */
  model: z.string().min(1).max(200).default('auto'),
  instructions: z.string().max(100_000).default(''),
  /** Names of built-in tools this agent may call. */
  tools: z.array(z.string()).max(128).default([]),
  limits: limitsSchema.default({}),
  /** What it may do after it has seen untrusted content; absent: the strict defaults. */
  taint: agentTaintSchema.optional(),
  /** Which calls a person decides; absent: what each tool says of itself. */
  approvals: agentApprovalsSchema.optional(),
  temperature: z.number().min(0).max(2).optional(),
});
export type AgentDefinition = z.infer<typeof agentSchema>;

/** An agent as loaded: `version` is the hash of its definition, pinned in each turn. */
export interface Agent extends AgentDefinition {
  readonly version: string;
}
