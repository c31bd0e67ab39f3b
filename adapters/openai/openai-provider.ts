/** One configured provider: its models, its connections and its circuit breaker. */
import { failure, ruleOf, toFailure } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type {
  LanguageModel,
  ModelChunk,
  ModelInfo,
  ModelRequest,
  ProviderCredential,
} from '../../domain/ports/model.js';
import type { ModelPrices } from '../../domain/pricing.js';
import { modelSettingsSchema } from '../../domain/provider.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { streamAnswer } from './answer-stream.js';
import { modelFailure } from './classify-error.js';
import { createProviderBreaker } from './provider-breaker.js';
import type { Circuit } from './provider-breaker.js';
import { originOf, withApiKey } from './provider-endpoint.js';
import { createProviderHttp } from './provider-http.js';

export interface OpenAiProvider {
  readonly name: string;
  /** Models named in the settings, in order. */
  readonly listed: readonly ModelInfo[];
  /** @param model name at the provider. @returns null when it is not listed and the provider takes no others. */
  model(model: string): LanguageModel | null;
  circuit(): Circuit;
}

type ModelSettings = ProviderSettings['models'][number];

/** @param settings one provider, parsed by `providerSchema`. No connection is made before the first call. */
export function createOpenAiProvider(settings: ProviderSettings, logger: Logger): OpenAiProvider {
  const log = logger.child({ provider: settings.name });
  const http = createProviderHttp(settings);
  const breaker = createProviderBreaker(
    { failures: settings.breaker_failures, openMs: settings.breaker_open_ms },
    (circuit) => log.warn({ circuit }, `circuit of provider ${settings.name} is ${circuit}`),
  );

  async function* stream(model: string, request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelChunk> {
    const call = breaker.enter();
    if (call === null) {
      const subject = { provider: settings.name, model, secrets: [] };
      const why = `its last ${settings.breaker_failures} calls failed, so it is not called for a while`;
      throw modelFailure(subject, 'model.circuit-open', why, { retryAfterMs: breaker.retryAfterMs() });
    }
    try {
      for await (const chunk of streamAnswer({ settings, http, model }, request, signal)) {
        call.alive();
        yield chunk;
      }
      await call.succeeded();
    } catch (error) {
      const failed = toFailure(error);
      if (ruleOf(failed.code).fallback) log.debug({ code: failed.code, model }, failed.message);
      await call.failed(failed);
      throw failed;
    } finally {
      await call.left();
    }
  }

  function toModel(model: ModelSettings): LanguageModel {
    return {
      ...toInfo(settings, model),
      stream: (request, signal, credential) =>
        credential === undefined
          ? stream(model.name, request, signal)
          : streamWith(settings, model.name, request, signal, credential),
    };
  }

  return {
    name: settings.name,
    listed: settings.models.map((model) => toInfo(settings, model)),
    model(name) {
      const known = settings.models.find((model) => model.name === name);
      if (known !== undefined) return toModel(known);
      const unlisted = settings.any_model ? modelSettingsSchema.safeParse({ name }) : undefined;
      return unlisted?.success === true ? toModel(unlisted.data) : null;
    },
    circuit: () => breaker.state(),
  };
}

/** A key that came with a request says nothing about the provider: its failures open no circuit, and no circuit stops it. */
function streamWith(
  settings: ProviderSettings,
  model: string,
  request: ModelRequest,
  signal: AbortSignal,
  { origin, apiKey }: ProviderCredential,
): AsyncIterable<ModelChunk> {
  if (origin !== originOf(settings)) {
    throw failure(
      'credential.missing',
      `The key sent with this turn is for ${origin}, and provider ${settings.name} is at ${originOf(settings)}: it is not sent there.`,
    );
  }
  const keyed = withApiKey(settings, apiKey);
  return streamAnswer({ settings: keyed, http: createProviderHttp(keyed), model }, request, signal);
}

function toInfo(settings: ProviderSettings, model: ModelSettings): ModelInfo {
  return {
    name: `${settings.name}/${model.name}`,
    provider: settings.name,
    origin: originOf(settings),
    contextWindow: model.context_window,
    prices: toPrices(model.prices),
    demo: false,
  };
}

/** Without a price of its own, cached input costs what input costs. */
function toPrices(prices: ModelSettings['prices']): ModelPrices | null {
  if (prices === undefined) return null;
  return {
    inputPerMillionMicros: prices.input_per_million_micros,
    cachedInputPerMillionMicros: prices.cached_input_per_million_micros ?? prices.input_per_million_micros,
    outputPerMillionMicros: prices.output_per_million_micros,
  };
}
