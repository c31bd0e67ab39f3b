/** All models by name: those of the configured providers, fallback chains, and models the product brings itself. */
import type { Logger } from '../../domain/ports/logger.js';
import type { LanguageModel, ModelInfo, ModelRegistry } from '../../domain/ports/model.js';
import type { FallbackChain, ProviderSettings } from '../../domain/provider.js';
import { createOpenAiProvider } from './openai-provider.js';
import type { OpenAiProvider } from './openai-provider.js';

export interface ModelRegistryOptions {
  /** In order of preference: `auto` is the first provider's first model. Of two with one name the first counts. */
  readonly providers: readonly ProviderSettings[];
  readonly fallbacks: readonly FallbackChain[];
  /** Models that are no provider's, such as the demo model; `auto` takes the first when no provider lists one. */
  readonly extraModels: readonly LanguageModel[];
  readonly logger: Logger;
  /** What `auto` means, when it is set: any name that resolves. */
  readonly defaultModel?: string;
}

/**
 * Names resolve in this order: `auto`, a fallback chain, an exact `provider/model`, `provider/anything` where the provider
 * allows it, and last a bare model name that exactly one provider lists.
 */
export function createModelRegistry(options: ModelRegistryOptions): ModelRegistry {
  const { fallbacks, extraModels, logger, defaultModel } = options;
  const providers = openProviders(options.providers, logger);
  const extras = new Map(extraModels.map((model) => [model.name, model]));
  const listed: readonly ModelInfo[] = [
    ...[...providers.values()].flatMap((provider) => provider.listed),
    ...extraModels,
  ];
  const chains = new Map(fallbacks.map((chain) => [chain.name, chain.models]));

  function get(name: string): LanguageModel | null {
    const extra = extras.get(name);
    if (extra !== undefined) return extra;
    const slash = name.indexOf('/');
    return slash <= 0 ? null : (providers.get(name.slice(0, slash))?.model(name.slice(slash + 1)) ?? null);
  }

  function resolveNamed(reference: string): readonly string[] | null {
    const chain = chains.get(reference)?.filter((name) => get(name) !== null);
    if (chain !== undefined) return chain.length === 0 ? null : chain;
    if (get(reference) !== null) return [reference];
    const bare = listed.filter((model) => model.name.slice(model.name.indexOf('/') + 1) === reference);
    return bare.length === 1 ? bare.map((model) => model.name) : null;
  }

  function resolve(reference: string): readonly string[] | null {
    if (reference !== 'auto') return resolveNamed(reference);
    if (defaultModel !== undefined && defaultModel !== 'auto') return resolveNamed(defaultModel);
    const first = listed[0];
    return first === undefined ? null : [first.name];
  }

  /** A chain is a model to whoever asks for it; what it costs depends on who answers. */
  function chainInfo(name: string): readonly ModelInfo[] {
    const members = (resolveNamed(name) ?? []).flatMap((member) => get(member) ?? []);
    if (members.length === 0) return [];
    const contextWindow = Math.min(...members.map((model) => model.contextWindow));
    const demo = members.every((model) => model.demo);
    return [{ name, provider: 'turnstone', contextWindow, prices: null, demo }];
  }

  const named = [...chains.keys()].flatMap(chainInfo);
  const all = [...named, ...listed.filter((model) => !chains.has(model.name))];

  warnAboutNames(options, { get, resolve });
  return {
    list: () => all,
    resolve,
    get,
    health: () =>
      [...providers.values()].map((provider) => ({
        provider: provider.name,
        circuit: provider.circuit(),
        models: provider.listed.length,
      })),
  };
}

function openProviders(settings: readonly ProviderSettings[], logger: Logger): Map<string, OpenAiProvider> {
  const providers = new Map<string, OpenAiProvider>();
  for (const provider of settings) {
    if (providers.has(provider.name)) {
      logger.warn({ provider: provider.name }, `provider ${provider.name} is configured twice; the first one is used`);
    } else {
      providers.set(provider.name, createOpenAiProvider(provider, logger));
    }
  }
  return providers;
}

/** Names that lead nowhere are said once, when the registry is made: a model server may only be down for now. */
function warnAboutNames(
  { fallbacks, defaultModel, logger }: ModelRegistryOptions,
  { get, resolve }: Pick<ModelRegistry, 'get' | 'resolve'>,
): void {
  for (const chain of fallbacks) {
    const missing = chain.models.filter((name) => get(name) === null);
    if (missing.length > 0)
      logger.warn({ chain: chain.name, missing }, `fallback chain ${chain.name} names models no provider serves`);
  }
  if (defaultModel !== undefined && resolve('auto') === null) {
    logger.warn(
      { defaultModel },
      `the default model ${defaultModel} is not served by any provider; "auto" will not work`,
    );
  }
}
