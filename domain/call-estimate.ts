/** What one call to a model may cost, before it is made: bounds for a reservation, and the length a grant pays for. Zod-free. */
import type { CallEstimate } from './budget-ledger.js';
import { costMicros, NO_USAGE } from './pricing.js';
import type { ModelPrices } from './pricing.js';

/** An answer shorter than this is not worth its question. */
const SHORT_ANSWER_TOKENS = 256;
/** Every model we know can be asked for an answer of this length; a longer one some refuse. */
const REDUCED_ANSWER_TOKENS = 4_096;
/** Where the request sets no length: longer than nearly all answers are, reasoning included. */
const LONG_ANSWER_TOKENS = 32_768;

export interface PlannedModelCall {
  readonly prices: ModelPrices | null;
  readonly contextWindow: number;
  readonly inputTokens: number;
  /** What the request asks for; null: the model decides. */
  readonly maxOutputTokens: number | null;
}

const UNPRICED: CallEstimate = { priced: false, minMicros: 0, reducedMicros: 0, maxMicros: 0 };

export function estimateCall({ prices, contextWindow, inputTokens, maxOutputTokens }: PlannedModelCall): CallEstimate {
  if (prices === null) return UNPRICED;
  const room = Math.max(REDUCED_ANSWER_TOKENS, contextWindow - inputTokens);
  const most = maxOutputTokens ?? Math.min(LONG_ANSWER_TOKENS, room);
  return {
    priced: true,
    minMicros: cost(prices, inputTokens, Math.min(SHORT_ANSWER_TOKENS, most)),
    reducedMicros: cost(prices, inputTokens, maxOutputTokens ?? Math.min(REDUCED_ANSWER_TOKENS, most)),
    maxMicros: cost(prices, inputTokens, most),
  };
}

/** The longest answer that a grant pays for; null: the model's output is free. */
export function affordableOutput({ prices, inputTokens }: PlannedModelCall, grantedMicros: number): number | null {
  if (prices === null || prices.outputPerMillionMicros === 0) return null;
  const left = grantedMicros - cost(prices, inputTokens, 0);
  return Math.max(1, Math.floor((left * 1_000_000) / prices.outputPerMillionMicros));
}

function cost(prices: ModelPrices, input: number, output: number): number {
  return costMicros({ ...NO_USAGE, inputTokens: input, outputTokens: output }, prices) ?? 0;
}
