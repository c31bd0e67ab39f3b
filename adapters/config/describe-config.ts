/** The effective configuration as lines for people, without secrets: what `turnstone doctor` shows and the log says once. */
import type { Config } from './load-config.js';

export interface ConfigLine {
  readonly key: string;
  readonly value: string;
  /** The variable, flag or file line it was set by; `default`. */
  readonly source: string;
}

const SET = '(set, not shown)';

/** A database URL without its password. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):[^@]*@/i, '$1:…@').replace(/(password=)[^&]*/gi, '$1…');
}

export function describeConfig(config: Config): readonly ConfigLine[] {
  const line = (key: string, value: unknown): ConfigLine => ({
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    source: config.sources.get(key) ?? 'default',
  });
  const { server, log, temporal, python, database } = config;
  return [
    line('server.port', server.port),
    line('server.host', server.host),
    ...linkLines(config),
    line('server.body_limit_bytes', server.body_limit_bytes),
    line('server.shutdown_grace_ms', server.shutdown_grace_ms),
    line('roles', [...config.roles].join(', ')),
    line('data_dir', config.dataDir),
    line('cache_dir', config.cacheDir),
    line('agents_dir', config.agentsDir ?? '(built in)'),
    line('tool_modules', config.toolModules.join(', ') || '(none)'),
    line('admin_key', config.admin_key === undefined ? '(made on first start)' : SET),
    line('master_key', masterKeyText(config)),
    line('previous_master_keys', config.previous_master_keys.length === 0 ? '(none)' : SET),
    line('log.level', log.level),
    line('log.format', log.format),
    line('database.url', database.url === undefined ? '(embedded)' : withoutPassword(database.url)),
    line('database.sync', database.sync),
    line('backup.snapshot_interval_minutes', config.backup.snapshot_interval_minutes),
    line('backup.keep_snapshots', config.backup.keep_snapshots),
    line('backup.dir', config.backup.dir ?? '(in the data folder)'),
    ...temporalLines(config),
    line('temporal.task_queue', temporal.task_queue),
    line('temporal.deployment', deploymentText(config)),
    line('codec.token', config.codec.token === undefined ? '(none)' : SET),
    line('codec.ui_origins', config.codec.ui_origins.join(', ') || '(the embedded UI)'),
    line('egress.allow', config.egress.allow.join(', ') || '(none)'),
    line('answers.images.allow', config.answers.images.allow.join(', ') || '(none)'),
    ...Object.entries(python).map(([key, value]) => line(`python.${key}`, value)),
    line('default_model', config.default_model ?? '(first provider)'),
    ...config.providers.map((provider, index) => ({
      key: `providers.${index}`,
      value: `${provider.name} ${withoutPassword(provider.base_url)}, key ${provider.api_key === undefined ? 'not set' : SET}`,
      source: config.sources.get('providers') ?? 'file',
    })),
    ...config.fallbacks.map((chain, index) => ({
      key: `fallbacks.${index}`,
      value: `${chain.name}: ${chain.models.join(' -> ')}`,
      source: config.sources.get('fallbacks') ?? 'file',
    })),
    ...Object.entries<number>({ ...config.limits }).map(([key, value]) => limitLine(config, key, value)),
  ];
}

function masterKeyText({ master_key: key, database }: Config): string {
  if (key !== undefined) return SET;
  return database.url === undefined ? '(made in the data folder)' : '(none: nothing is sealed or encrypted)';
}

function linkLines({ server, approvals: { escalation_webhook: webhook }, sources }: Config): ConfigLine[] {
  const line = (key: string, value: string): ConfigLine => ({ key, value, source: sources.get(key) ?? 'default' });
  return [
    line('server.public_url', server.public_url ?? '(the address of each request)'),
    // Addresses of webhooks often hold a secret in their path.
    line('approvals.escalation_webhook', webhook === undefined ? '(none)' : `${new URL(webhook).origin}/…, signed`),
  ];
}

function deploymentText({ temporal }: Config): string {
  return temporal.deployment ?? '(none: turns are not pinned to builds)';
}

function temporalLines(config: Config): ConfigLine[] {
  const { temporal } = config;
  if (temporal.address === null) {
    const port = (key: 'port' | 'ui_port'): ConfigLine => ({
      key: `temporal.${key}`,
      value: temporal[key] === 0 ? 'any free one' : String(temporal[key]),
      source: config.sources.get(`temporal.${key}`) ?? 'default',
    });
    return [{ key: 'temporal.address', value: '(embedded)', source: 'default' }, port('port'), port('ui_port')];
  }
  const secured = temporal.connection.tls === undefined || temporal.connection.tls === false ? 'no TLS' : 'TLS';
  const key = temporal.connection.apiKey === undefined ? 'no API key' : 'API key set';
  return [
    { key: 'temporal.address', value: `${temporal.address} (${secured}, ${key})`, source: 'TEMPORAL_*' },
    { key: 'temporal.namespace', value: temporal.namespace, source: 'TEMPORAL_*' },
  ];
}

function limitLine(config: Config, key: string, value: number): ConfigLine {
  const written = `limits.${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
  return { key: written, value: String(value), source: config.sources.get(written) ?? 'default' };
}
