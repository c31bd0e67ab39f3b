/** The secrets this process holds, for the net that keeps them out of answers. Never logged. */
import type { Config } from '../adapters/config/load-config.js';
import { FOREIGN_SECRETS } from '../adapters/config/settings-table.js';
import type { ProviderSettings } from '../domain/provider.js';

/** @param more what configuration does not hold: keys made by this start, or read from the data folder. */
export function knownSecrets(
  config: Config,
  providers: readonly ProviderSettings[],
  more: readonly (string | null | undefined)[],
): readonly string[] {
  const found = [
    config.admin_key,
    config.master_key,
    config.approvals.escalation_webhook_secret,
    ...config.previous_master_keys,
    passwordOf(config.database.url),
    ...FOREIGN_SECRETS.map((name) => config.environment[name]),
    ...providers.flatMap((provider) => [provider.api_key, ...secretHeaders(provider)]),
    ...more,
  ];
  return found.filter((secret): secret is string => typeof secret === 'string' && secret !== '');
}

function passwordOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  return decodeURIComponent(new URL(url).password);
}

/** Headers a provider asks for hold keys more often than not; with and without a scheme in front. */
function secretHeaders(provider: ProviderSettings): string[] {
  const values = Object.entries(provider.headers)
    .filter(([name]) => /auth|key|token|secret|cookie/i.test(name))
    .map(([, value]) => value);
  return values.flatMap((value) => [value, value.replace(/^(Bearer|Basic)\s+/i, '')]);
}
