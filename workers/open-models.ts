/** The models: configured providers first, then those found in the environment, else the scripted demo. */
import type { Config } from '../adapters/config/load-config.js';
import { createDemoModel } from '../adapters/demo/demo-model.js';
import { withListedModels } from '../adapters/openai/configured-models.js';
import { detectProviders } from '../adapters/openai/detect-providers.js';
import { createModelRegistry } from '../adapters/openai/model-registry.js';
import type { Logger } from '../domain/ports/logger.js';
import type { ModelRegistry } from '../domain/ports/model.js';
import type { ProviderSettings } from '../domain/provider.js';

export interface Models {
  readonly registry: ModelRegistry;
  readonly providers: readonly ProviderSettings[];
  /** What `auto` resolves to; null when the configured default answers to nothing. */
  readonly defaultModel: string | null;
  /** True when `auto` is the scripted demo. */
  readonly demo: boolean;
}

/** A configured provider replaces a found one of the same name. */
export async function findProviders(config: Config, logger: Logger): Promise<readonly ProviderSettings[]> {
  const [own, found] = await Promise.all([
    withListedModels(config.providers, { logger }),
    detectProviders(config.environment, { logger }),
  ]);
  const configured = new Set(own.map((provider) => provider.name));
  return [...own, ...found.filter((provider) => !configured.has(provider.name))];
}

export async function openModels(config: Config, logger: Logger): Promise<Models> {
  const providers = await findProviders(config, logger);
  const registry = createModelRegistry({
    providers,
    fallbacks: config.fallbacks,
    extraModels: [createDemoModel()],
    logger,
    ...(config.default_model === undefined ? {} : { defaultModel: config.default_model }),
  });
  const defaultModel = registry.resolve('auto')?.[0] ?? null;
  const demo = defaultModel !== null && registry.get(defaultModel)?.demo === true;
  if (demo) {
    logger.warn(
      { model: defaultModel },
      'no provider gives a model: a scripted demo, not a language model, answers; set OPENAI_API_KEY or list providers in turnstone.config.yaml',
    );
  }
  return { registry, providers, defaultModel, demo };
}
