/** Token usage of model calls and what it costs. Money is in micros (millionths) of the price list's currency. */
export interface ModelPrices {
  readonly inputPerMillionMicros: number;
  readonly cachedInputPerMillionMicros: number;
  readonly outputPerMillionMicros: number;
}

export interface TokenUsage {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** True when the provider sent no usage and the counts were estimated from text. */
  readonly estimated: boolean;
}

export const NO_USAGE: TokenUsage = {
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  estimated: false,
};

export function addUsage(left: TokenUsage, right: TokenUsage): TokenUsage {
  return {
    inputTokens: left.inputTokens + right.inputTokens,
    cachedTokens: left.cachedTokens + right.cachedTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    reasoningTokens: left.reasoningTokens + right.reasoningTokens,
    estimated: left.estimated || right.estimated,
  };
}

/** Cost of one model call, rounded up to a whole micro so that use is never counted as free. Null: no price known. */
export function costMicros(usage: TokenUsage, prices: ModelPrices | null): number | null {
  if (prices === null) return null;
  const uncached = Math.max(0, usage.inputTokens - usage.cachedTokens);
  const total =
    uncached * prices.inputPerMillionMicros +
    usage.cachedTokens * prices.cachedInputPerMillionMicros +
    usage.outputTokens * prices.outputPerMillionMicros;
  return Math.ceil(total / 1_000_000);
}
