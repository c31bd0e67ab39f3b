/** Token counts as providers send them, on either wire. What they do not send is not made up here. */
import { z } from 'zod';
import type { TokenUsage } from '../../domain/pricing.js';

const count = z.number().min(0).nullish().catch(null);
const details = z.object({ cached_tokens: count, reasoning_tokens: count }).nullish().catch(null);

const usageSchema = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  input_tokens: count,
  output_tokens: count,
  total_tokens: count,
  prompt_tokens_details: details,
  completion_tokens_details: details,
  input_tokens_details: details,
  output_tokens_details: details,
  /** DeepSeek's name for cached input. */
  prompt_cache_hit_tokens: count,
});

function firstCount(...counts: readonly (number | null | undefined)[]): number {
  return counts.find((value) => typeof value === 'number') ?? 0;
}

/**
 * @returns null when nothing was counted. Some providers leave reasoning out of `completion_tokens` and count it in the
 * total only; it is billed as output, so output is at least total minus input.
 */
export function toTokenUsage(value: unknown): TokenUsage | null {
  const parsed = usageSchema.safeParse(value);
  if (!parsed.success) return null;
  const usage = parsed.data;
  const input = firstCount(usage.input_tokens, usage.prompt_tokens);
  const output = Math.max(
    firstCount(usage.output_tokens, usage.completion_tokens),
    firstCount(usage.total_tokens) - input,
  );
  if (input === 0 && output === 0) return null;
  const inputDetails = usage.input_tokens_details ?? usage.prompt_tokens_details;
  const outputDetails = usage.output_tokens_details ?? usage.completion_tokens_details;
  const cached = firstCount(inputDetails?.cached_tokens, usage.prompt_cache_hit_tokens);
  const reasoning = firstCount(outputDetails?.reasoning_tokens);
  return {
    inputTokens: Math.round(input),
    cachedTokens: Math.round(Math.min(cached, input)),
    outputTokens: Math.round(output),
    reasoningTokens: Math.round(Math.min(reasoning, output)),
    estimated: false,
  };
}
