/** Where a provider's requests go, how its key is sent and how it spells things: pure, from its settings. */
import type { ProviderSettings } from '../../domain/provider.js';

/** The last generally available version of Azure's dated API; only used where settings name none. */
const AZURE_API_VERSION = '2024-10-21';

export interface ProviderEndpoint {
  readonly baseUrl: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

/**
 * - `openai`: `<base_url>/chat/completions` or `<base_url>/responses`.
 * - `azure`: `<base_url>/openai/deployments/<model>/chat/completions?api-version=…`, `<base_url>/openai/responses?…`; a base
 *   URL that ends in `/v1` is Azure's undated API and is used like `openai`.
 * - `dial`: `<base_url>/openai/deployments/<model>/chat/completions`.
 */
export function endpointOf(settings: ProviderSettings, model: string): ProviderEndpoint {
  const base = settings.base_url.replace(/(?<!\/)\/+$/, '');
  const operation = settings.wire === 'responses' ? '/responses' : '/chat/completions';
  const version = settings.api_version === undefined ? {} : { 'api-version': settings.api_version };
  if (settings.dialect === 'openai' || isUndatedAzure(settings))
    return { baseUrl: base, path: operation, query: version };
  const baseUrl = base.endsWith('/openai') ? base : `${base}/openai`;
  const query = settings.dialect === 'azure' ? { 'api-version': AZURE_API_VERSION, ...version } : version;
  if (settings.wire === 'responses') return { baseUrl, path: operation, query };
  return { baseUrl, path: `/deployments/${encodeURIComponent(model)}${operation}`, query };
}

/** Headers that carry the key; null takes away the client's own `Authorization`. */
export function keyHeaders(settings: ProviderSettings): Record<string, string | null> {
  if (settings.api_key === undefined) return { Authorization: null };
  if (settings.dialect === 'azure') return { Authorization: null, 'api-key': settings.api_key };
  if (settings.dialect === 'dial') return { Authorization: null, 'Api-Key': settings.api_key };
  return { Authorization: `Bearer ${settings.api_key}` };
}

export function originOf(settings: ProviderSettings): string {
  return new URL(settings.base_url).origin;
}

const KEY_HEADER = /^(authorization|proxy-authorization|api-key|x-api-key|cookie)$/i;

/** The provider with a caller's key in place of the operator's: configured headers that carry a key of the operator's go too. */
export function withApiKey(settings: ProviderSettings, apiKey: string): ProviderSettings {
  const headers = Object.entries(settings.headers).filter(([name]) => !KEY_HEADER.test(name));
  return { ...settings, api_key: apiKey, headers: Object.fromEntries(headers) };
}

export interface EffectiveQuirks {
  readonly max_tokens_field: 'max_tokens' | 'max_completion_tokens';
  readonly user_field: 'user' | 'safety_identifier' | 'none';
  readonly stream_usage: boolean;
}

/** What settings say, else what is known to work for the host; see `providerQuirksSchema`. */
export function quirksOf(settings: ProviderSettings): EffectiveQuirks {
  const known = KNOWN_QUIRKS[vendorOf(settings)];
  return {
    max_tokens_field: settings.quirks?.max_tokens_field ?? known.max_tokens_field,
    user_field: settings.quirks?.user_field ?? known.user_field,
    stream_usage: settings.quirks?.stream_usage ?? known.stream_usage,
  };
}

type Vendor = 'openai' | 'azure' | 'gemini' | 'other';

const KNOWN_QUIRKS: Readonly<Record<Vendor, EffectiveQuirks>> = {
  openai: { max_tokens_field: 'max_completion_tokens', user_field: 'safety_identifier', stream_usage: true },
  azure: { max_tokens_field: 'max_completion_tokens', user_field: 'user', stream_usage: true },
  gemini: { max_tokens_field: 'max_tokens', user_field: 'none', stream_usage: true },
  other: { max_tokens_field: 'max_tokens', user_field: 'user', stream_usage: true },
};

function vendorOf(settings: ProviderSettings): Vendor {
  const host = new URL(settings.base_url).hostname;
  if (settings.dialect === 'azure' || host.endsWith('.openai.azure.com')) return 'azure';
  if (host === 'api.openai.com' || host.endsWith('.api.openai.com')) return 'openai';
  return host === 'generativelanguage.googleapis.com' ? 'gemini' : 'other';
}

/** Everything of the settings that must never appear in a message. */
export function secretsOf(settings: ProviderSettings): readonly string[] {
  const { username, password } = new URL(settings.base_url);
  const key = settings.api_key ?? '';
  // Also as a page, a URL or a log of the provider's would write it.
  const written = [key, encodeURIComponent(key), Buffer.from(key).toString('base64'), JSON.stringify(key).slice(1, -1)];
  return [...new Set([...written, username, password, ...Object.values(settings.headers)])].filter(
    (secret) => secret.length >= 4,
  );
}

function isUndatedAzure(settings: ProviderSettings): boolean {
  return settings.dialect === 'azure' && /\/v1\/*$/.test(settings.base_url);
}
