/** Configured providers that name no models: what is known of their host, else what their server lists. */
import type { Logger } from '../../domain/ports/logger.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { ANTHROPIC_MODELS, GEMINI_MODELS, HUGGINGFACE_MODELS, OPENAI_MODELS } from './known-models.js';
import type { ModelSettings } from './known-models.js';
import { listModels } from './model-listing.js';
import { keyHeaders } from './provider-endpoint.js';

export interface ConfiguredModelsOptions {
  readonly logger: Logger;
  readonly fetch?: typeof globalThis.fetch;
  /** All servers are asked at once. Default 3 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 3_000;
const DEFAULT_CONTEXT = 128_000;

const KNOWN_HOSTS: Readonly<Record<string, readonly ModelSettings[]>> = {
  'api.openai.com': OPENAI_MODELS,
  'api.anthropic.com': ANTHROPIC_MODELS,
  'generativelanguage.googleapis.com': GEMINI_MODELS,
  'router.huggingface.co': HUGGINGFACE_MODELS,
};

/** Without this, `auto` would pass over a provider that was configured on purpose. Never throws: a server may be down. */
export async function withListedModels(
  providers: readonly ProviderSettings[],
  options: ConfiguredModelsOptions,
): Promise<ProviderSettings[]> {
  return Promise.all(
    providers.map(async (provider) => {
      if (provider.models.length > 0 || !provider.any_model) return provider;
      const models = KNOWN_HOSTS[new URL(provider.base_url).hostname] ?? (await askFor(provider, options));
      if (models.length > 0) return { ...provider, models: [...models] };
      options.logger.warn(
        { provider: provider.name },
        `provider ${provider.name} has no models: none are configured, and its server lists none. It answers only to ` +
          `${provider.name}/<model>; name its models under \`models\` so that \`auto\` can take one.`,
      );
      return provider;
    }),
  );
}

async function askFor(provider: ProviderSettings, options: ConfiguredModelsOptions): Promise<readonly ModelSettings[]> {
  // Azure lists models, not the deployments by which they are called.
  if (provider.dialect === 'azure') return [];
  const base = provider.base_url.replace(/(?<!\/)\/+$/, '');
  const url = provider.dialect === 'dial' ? `${base.replace(/\/openai$/, '')}/openai/models` : `${base}/models`;
  const keys = Object.entries(keyHeaders(provider)).filter((header): header is [string, string] => header[1] !== null);
  const listed = await listModels(url, {
    fetch: options.fetch ?? globalThis.fetch,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    contextWindow: DEFAULT_CONTEXT,
    headers: { ...provider.headers, ...Object.fromEntries(keys) },
  });
  return listed ?? [];
}
