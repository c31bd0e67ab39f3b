/**
 * Default models of the large providers, with context windows and published list prices (US dollars, in micros per million
 * tokens). Only prices that do not depend on the length of the request are listed; without one, cost is reported as
 * incomplete. All of it can be overridden in `turnstone.config.yaml`.
 */
import type { ProviderSettings } from '../../domain/provider.js';

export type ModelSettings = ProviderSettings['models'][number];

const DOLLAR = 1_000_000;

function priced(name: string, context_window: number, input: number, cached: number, output: number): ModelSettings {
  const prices = {
    input_per_million_micros: Math.round(input * DOLLAR),
    cached_input_per_million_micros: Math.round(cached * DOLLAR),
    output_per_million_micros: Math.round(output * DOLLAR),
  };
  return { name, context_window, prices };
}

/** The first of each list is what `auto` takes when that provider comes first. */
export const OPENAI_MODELS: readonly ModelSettings[] = [
  priced('gpt-4.1', 1_047_576, 2, 0.5, 8),
  priced('gpt-4.1-mini', 1_047_576, 0.4, 0.1, 1.6),
  priced('gpt-4.1-nano', 1_047_576, 0.1, 0.025, 0.4),
  priced('gpt-5', 400_000, 1.25, 0.125, 10),
  priced('gpt-5-mini', 400_000, 0.25, 0.025, 2),
  priced('gpt-5-nano', 400_000, 0.05, 0.005, 0.4),
  priced('gpt-4o', 128_000, 2.5, 1.25, 10),
  priced('gpt-4o-mini', 128_000, 0.15, 0.075, 0.6),
  priced('o4-mini', 200_000, 1.1, 0.275, 4.4),
];

/** Anthropic's compatible endpoint does not report cached tokens; the cached price is what its own API charges for reads. */
export const ANTHROPIC_MODELS: readonly ModelSettings[] = [
  priced('claude-sonnet-4-5', 200_000, 3, 0.3, 15),
  priced('claude-haiku-4-5', 200_000, 1, 0.1, 5),
];

export const GEMINI_MODELS: readonly ModelSettings[] = [
  { name: 'gemini-2.5-flash', context_window: 1_048_576 },
  { name: 'gemini-2.5-pro', context_window: 1_048_576 },
  { name: 'gemini-2.5-flash-lite', context_window: 1_048_576 },
];

/** Served by several inference providers behind the router, at their own prices. */
export const HUGGINGFACE_MODELS: readonly ModelSettings[] = [
  { name: 'openai/gpt-oss-120b', context_window: 131_072 },
  { name: 'meta-llama/Llama-3.3-70B-Instruct', context_window: 131_072 },
  { name: 'Qwen/Qwen3-32B', context_window: 32_768 },
];

/** A model named by the user: what is known of it, else cautious defaults. Put first, so that `auto` takes it. */
export function withModel(known: readonly ModelSettings[], name: string | undefined): ModelSettings[] {
  if (name === undefined) return [...known];
  const listed = known.find((model) => model.name === name) ?? { name, context_window: 128_000 };
  return [listed, ...known.filter((model) => model.name !== name)];
}
