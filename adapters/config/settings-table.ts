/** Which environment variable sets which key of the configuration, and how its text is read. */

export type TextKind = 'text' | 'number' | 'boolean' | 'list';

export interface EnvironmentSetting {
  readonly variable: string;
  readonly path: readonly string[];
  readonly kind: TextKind;
  /** Never printed; may also be given as `<variable>_FILE`, the path of a file that holds it. */
  readonly secret: boolean;
}

const setting = (variable: string, path: string, kind: TextKind = 'text', secret = false): EnvironmentSetting => ({
  variable,
  path: path.split('.'),
  kind,
  secret,
});

export const ENVIRONMENT_SETTINGS: readonly EnvironmentSetting[] = [
  setting('PORT', 'server.port', 'number'),
  setting('HOST', 'server.host'),
  setting('TURNSTONE_PUBLIC_URL', 'server.public_url'),
  setting('TURNSTONE_BODY_LIMIT_BYTES', 'server.body_limit_bytes', 'number'),
  setting('TURNSTONE_MAX_CONNECTIONS', 'server.max_connections', 'number'),
  setting('TURNSTONE_SHUTDOWN_GRACE_MS', 'server.shutdown_grace_ms', 'number'),
  setting('TURNSTONE_DATA_DIR', 'data_dir'),
  setting('TURNSTONE_CACHE_DIR', 'cache_dir'),
  setting('TURNSTONE_AGENTS_DIR', 'agents_dir'),
  setting('TURNSTONE_TOOL_MODULES', 'tool_modules', 'list'),
  setting('TURNSTONE_ADMIN_KEY', 'admin_key', 'text', true),
  setting('TURNSTONE_MASTER_KEY', 'master_key', 'text', true),
  setting('TURNSTONE_PREVIOUS_MASTER_KEYS', 'previous_master_keys', 'list', true),
  setting('LOG_LEVEL', 'log.level'),
  setting('LOG_FORMAT', 'log.format'),
  setting('DATABASE_URL', 'database.url', 'text', true),
  setting('TURNSTONE_DATABASE_SYNC', 'database.sync', 'boolean'),
  setting('TURNSTONE_SNAPSHOT_INTERVAL_MINUTES', 'backup.snapshot_interval_minutes', 'number'),
  setting('TURNSTONE_BACKUP_DIR', 'backup.dir'),
  setting('TURNSTONE_TEMPORAL_PORT', 'temporal.port', 'number'),
  setting('TURNSTONE_TEMPORAL_UI_PORT', 'temporal.ui_port', 'number'),
  setting('TURNSTONE_TASK_QUEUE', 'temporal.task_queue'),
  setting('TURNSTONE_DEPLOYMENT', 'temporal.deployment'),
  setting('TURNSTONE_CODEC_TOKEN', 'codec.token', 'text', true),
  setting('TURNSTONE_CODEC_UI_ORIGINS', 'codec.ui_origins', 'list'),
  setting('TURNSTONE_ESCALATION_WEBHOOK', 'approvals.escalation_webhook'),
  setting('TURNSTONE_ESCALATION_WEBHOOK_SECRET', 'approvals.escalation_webhook_secret', 'text', true),
  setting('TURNSTONE_ROLES', 'roles', 'list'),
  setting('TURNSTONE_EGRESS_ALLOW', 'egress.allow', 'list'),
  setting('TURNSTONE_ANSWER_IMAGES_ALLOW', 'answers.images.allow', 'list'),
  setting('TURNSTONE_PYTHON', 'python.enabled', 'boolean'),
  setting('TURNSTONE_PYTHON_POOL_SIZE', 'python.pool_size', 'number'),
  setting('TURNSTONE_DEFAULT_MODEL', 'default_model'),
];

/** Names that belong to us but set nothing here: where the file is, and what clients read. */
export const OTHER_VARIABLES: readonly string[] = ['TURNSTONE_CONFIG', 'TURNSTONE_API_KEY', 'TURNSTONE_BASE_URL'];

/** Secrets of providers and of Temporal that are read by their own code; `*_FILE` works for them as well. */
export const FOREIGN_SECRETS: readonly string[] = [
  'OPENAI_API_KEY',
  'AZURE_OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'GEMINI_API_KEY',
  'HF_TOKEN',
  'DIAL_API_KEY',
  'TEMPORAL_API_KEY',
];
