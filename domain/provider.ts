/** A model provider as configured (`providers:` in turnstone.config.yaml) or found in the environment. */
import { z } from 'zod';

export const modelPricesSchema = z
  .strictObject({
    /** Price per million tokens, in millionths of the currency: 2.50 a million = 2500000. */
    input_per_million_micros: z.int().min(0),
    cached_input_per_million_micros: z.int().min(0).optional(),
    output_per_million_micros: z.int().min(0),
  })
  .describe('Prices in micros (millionths of your currency) per million tokens');

export const modelSettingsSchema = z.strictObject({
  name: z.string().min(1).max(200),
  context_window: z.int().min(1000).default(128_000),
  prices: modelPricesSchema.optional(),
});

/**
 * Where providers differ in how they spell a request. Left out: what is known to work for the host of `base_url`
 * (OpenAI and Azure: `max_completion_tokens`; all others: `max_tokens`, the older name).
 */
export const providerQuirksSchema = z.strictObject({
  max_tokens_field: z.enum(['max_tokens', 'max_completion_tokens']).optional(),
  /** Where the opaque id of the end user goes. `none`: nowhere, for providers that refuse unknown fields. */
  user_field: z.enum(['user', 'safety_identifier', 'none']).optional(),
  /** Ask for token counts at the end of a stream (`stream_options`); false for servers that refuse the field. */
  stream_usage: z.boolean().optional(),
  /** Responses wire: ask for summaries of the model's reasoning (OpenAI allows it to verified organisations only). */
  reasoning_summary: z.enum(['auto', 'concise', 'detailed']).optional(),
});
export type ProviderQuirks = z.infer<typeof providerQuirksSchema>;

export const providerSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, 'a lower-case letter, then letters, digits and -'),
    /** `chat`: /chat/completions, spoken by nearly everyone; `responses`: /responses. */
    wire: z.enum(['chat', 'responses']).default('chat'),
    base_url: z.url(),
    api_key: z.string().min(1).optional(),
    /** Azure and DIAL send the key as `api-key` and name the deployment in the path. */
    dialect: z.enum(['openai', 'azure', 'dial']).default('openai'),
    api_version: z.string().optional(),
    headers: z.record(z.string(), z.string()).default({}),
    models: z.array(modelSettingsSchema).default([]),
    /** Also take model names that are not listed, as `<provider>/<anything>`. */
    any_model: z.boolean().default(true),
    first_byte_timeout_ms: z.int().min(100).max(600_000).default(60_000),
    idle_timeout_ms: z.int().min(100).max(600_000).default(60_000),
    /** Consecutive failures that open the circuit, and how long it stays open. */
    breaker_failures: z.int().min(1).max(100).default(5),
    breaker_open_ms: z.int().min(100).max(600_000).default(15_000),
    quirks: providerQuirksSchema.optional(),
    /** Why this provider is here, for the start screen. Set where a provider is found, not by hand. */
    found: z.string().max(500).optional(),
  })
  .refine((provider) => provider.dialect !== 'dial' || provider.wire === 'chat', {
    path: ['wire'],
    message: 'DIAL speaks chat completions only: leave wire out or set it to chat',
  });
export type ProviderSettings = z.infer<typeof providerSchema>;

/** `fallbacks:` a name clients may use as `model`, and the `provider/model` names tried in order. */
export const fallbackChainSchema = z.strictObject({
  name: z.string().min(1).max(100),
  models: z
    .array(z.string().regex(/^[^/]+\/.+$/, 'provider/model'))
    .min(1)
    .max(10),
});
export type FallbackChain = z.infer<typeof fallbackChainSchema>;
