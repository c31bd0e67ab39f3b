/** Limits of a turn: defaults, then the agent's, then the request's, never above the ceilings. */
import { withLimits } from '../domain/agent.js';
import type { LimitsParam } from '../domain/agent.js';
import type { TurnLimits } from '../domain/limits.js';

/** Highest values a request may ask for where more only costs time; tokens and money stay with the operator. */
const CEILINGS = {
  maxSteps: 500,
  maxToolCalls: 5000,
  maxWallTimeMs: 86_400_000,
  maxRepeats: 100,
  maxParallelCalls: 128,
};

/** `maxToolCalls` of the request proper counts too: the lower of the two holds. */
export function decideLimits(
  defaults: TurnLimits,
  agent: LimitsParam,
  requested: LimitsParam,
  maxToolCalls: number | null,
): TurnLimits {
  const own = withLimits(defaults, agent);
  const asked = withLimits(own, requested);
  const ceiling: TurnLimits = { ...CEILINGS, maxTokens: own.maxTokens, maxCostMicros: own.maxCostMicros };
  return {
    maxSteps: Math.min(asked.maxSteps, ceiling.maxSteps),
    maxToolCalls: Math.min(asked.maxToolCalls, ceiling.maxToolCalls, maxToolCalls ?? Infinity),
    maxWallTimeMs: Math.min(asked.maxWallTimeMs, ceiling.maxWallTimeMs),
    maxTokens: Math.min(asked.maxTokens, ceiling.maxTokens),
    maxCostMicros: Math.min(asked.maxCostMicros, ceiling.maxCostMicros),
    maxRepeats: Math.min(asked.maxRepeats, ceiling.maxRepeats),
    maxParallelCalls: Math.min(asked.maxParallelCalls, ceiling.maxParallelCalls),
  };
}
