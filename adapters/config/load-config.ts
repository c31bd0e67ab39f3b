/**
 * The one way to the configuration: defaults, `turnstone.config.yaml`, environment (the environment wins). All problems
 * come in one message, each with its variable or line, the value and what to do.
 */
import { isAbsolute, resolve } from 'node:path';
import type { z } from 'zod';
import { failure } from '../../domain/failures.js';
import { withLimits } from '../../domain/agent.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { TurnLimits } from '../../domain/limits.js';
import type { ConfigDocument, Role } from './config-schema.js';
import { ROLES, configSchema } from './config-schema.js';
import { nearestName } from './nearest-name.js';
import type { ConfigFile } from './read-config-file.js';
import { readConfigFile } from './read-config-file.js';
import type { CrashSettings } from './read-crash-settings.js';
import { readCrashSettings } from './read-crash-settings.js';
import type { Environment, EnvironmentOverride } from './read-environment.js';
import { readEnvironment } from './read-environment.js';
import type { TemporalProfile } from './read-temporal-profile.js';
import { readTemporalProfile } from './read-temporal-profile.js';
import { knownKeysAt } from './schema-keys.js';

export interface Config extends Omit<
  ConfigDocument,
  'roles' | 'limits' | 'temporal' | 'data_dir' | 'cache_dir' | 'agents_dir' | 'tool_modules'
> {
  readonly dataDir: string;
  readonly cacheDir: string;
  /** Null: the agents that come with the product. */
  readonly agentsDir: string | null;
  readonly toolModules: readonly string[];
  readonly roles: ReadonlySet<Role>;
  readonly limits: TurnLimits;
  readonly temporal: ConfigDocument['temporal'] & TemporalProfile;
  /** Where the file is, whether or not it exists. */
  readonly configPath: string;
  /** Key path -> the variable or file line it came from; what is missing here is a default. */
  readonly sources: ReadonlyMap<string, string>;
  /** The environment without empty values and with secrets read from their files, for provider detection. Secret. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where a fault test wants this process to die; null in every process that serves anybody. */
  readonly crash: CrashSettings | null;
}

export interface LoadConfigOptions {
  /** Relative paths start here. */
  readonly cwd: string;
  /** Values of command line options, by key path (`server.port`); they win over everything. */
  readonly flags?: Readonly<Record<string, { readonly flag: string; readonly value: unknown }>>;
}

const DEFAULT_FILE = 'turnstone.config.yaml';
/** These share the event log, which is in memory: apart, a reader would wait for events that another process holds. */
const INSEPARABLE: readonly Role[] = ['api', 'turns', 'tools'];

/** @throws `config.invalid` with every problem in one message. */
export function loadConfig(env: Environment, options: LoadConfigOptions): Config {
  const environment = readEnvironment(env);
  const named = environment.variables['TURNSTONE_CONFIG'];
  const configPath = resolve(options.cwd, named ?? DEFAULT_FILE);
  const file = readConfigFile(configPath, {
    name: named ?? DEFAULT_FILE,
    required: named !== undefined,
    variables: environment.variables,
  });
  const temporal = readTemporalProfile(environment.variables);
  const crash = readCrashSettings(environment.variables);
  const overrides = [...environment.overrides.map(toOverride), ...flagOverrides(options.flags ?? {})];
  const parsed = configSchema.safeParse(overlay(file.data, overrides));
  const problems = [
    ...environment.problems,
    ...file.problems,
    ...temporal.problems,
    ...crash.problems,
    ...(parsed.success ? crossChecks(parsed.data, temporal.profile) : issueMessages(parsed.error, file, overrides)),
  ];
  if (problems.length > 0 || !parsed.success) throw failure('config.invalid', problemMessage(problems));
  return toConfig(parsed.data, {
    cwd: options.cwd,
    configPath,
    temporal: temporal.profile,
    environment: environment.variables,
    sources: sourcesOf(file, overrides),
    crash: crash.settings,
  });
}

interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  /** Variable or flag. */
  readonly name: string;
  readonly secret: boolean;
}

function toOverride(override: EnvironmentOverride): Override {
  return {
    path: override.setting.path,
    value: override.value,
    name: override.variable,
    secret: override.setting.secret,
  };
}

function flagOverrides(flags: NonNullable<LoadConfigOptions['flags']>): Override[] {
  return Object.entries(flags).map(([path, { flag, value }]) => ({
    path: path.split('.'),
    value,
    name: flag,
    secret: false,
  }));
}

function overlay(data: unknown, overrides: readonly Override[]): unknown {
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return data;
  const root = structuredClone(data) as Record<string, unknown>;
  for (const { path, value } of overrides) {
    let place = root;
    for (const key of path.slice(0, -1)) {
      const inner = place[key];
      const next = inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? inner : {};
      place[key] = next;
      place = next as Record<string, unknown>;
    }
    place[path.at(-1) ?? ''] = value;
  }
  return root;
}

function issueMessages(error: z.ZodError, file: ConfigFile, overrides: readonly Override[]): string[] {
  return error.issues.flatMap((issue) => {
    const override = overrides.find((entry) => entry.path.every((key, index) => issue.path[index] === key));
    const key = issue.path.join('.');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((unknown) => {
        const near = nearestName(unknown, knownKeysAt(issue.path));
        const place = file.locate([...issue.path, unknown]);
        const remedy = near === null ? 'remove it' : `did you mean ${near}?`;
        return `${place}: ${[...issue.path, unknown].join('.')} is no setting: ${remedy}`;
      });
    }
    if (override === undefined) {
      const subject = key === '' ? 'the file' : `${key}${shownValue(file.data, issue.path)}`;
      return [`${file.locate(issue.path)}: ${subject}: ${issue.message}.`];
    }
    const shown = override.secret ? 'the value' : JSON.stringify(override.value);
    return [`${override.name}: ${shown} is not allowed: ${issue.message}.`];
  });
}

const SECRET_KEY = /key|url|header|password|token|secret|webhook/i;

/** ` = 5` for a plain value that may be shown; nothing for secrets and for what is missing. */
function shownValue(data: unknown, path: readonly PropertyKey[]): string {
  if (path.some((key) => SECRET_KEY.test(String(key)))) return '';
  let value = data;
  for (const key of path) value = value !== null && typeof value === 'object' ? Reflect.get(value, key) : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? ` = ${JSON.stringify(value)}`
    : '';
}

function crossChecks(document: ConfigDocument, temporal: TemporalProfile): string[] {
  const problems: string[] = [];
  const roles = expandRoles(document.roles);
  const held = INSEPARABLE.filter((role) => roles.has(role));
  if (held.length > 0 && held.length < INSEPARABLE.length) {
    problems.push(
      `roles: ${[...roles].join(', ')}: ${INSEPARABLE.join(', ')} share the event log, which is in memory: run them in one process (--roles all).`,
    );
  }
  if (held.length === 0 && (document.database.url === undefined || temporal.address === null)) {
    problems.push(
      `roles: ${[...roles].join(', ')}: a process without ${INSEPARABLE.join(', ')} needs services to share: set DATABASE_URL and TEMPORAL_ADDRESS.`,
    );
  }
  const { escalation_webhook: webhook, escalation_webhook_secret: secret } = document.approvals;
  if (webhook !== undefined && secret === undefined) {
    problems.push(
      'approvals.escalation_webhook: what is sent there must be signed: set TURNSTONE_ESCALATION_WEBHOOK_SECRET (`openssl rand -base64 32`).',
    );
  }
  const { port, ui_port: uiPort } = document.temporal;
  const ports = [document.server.port, port, uiPort].filter((value) => value !== 0);
  if (new Set(ports).size < ports.length) {
    problems.push(
      `server.port, temporal.port and temporal.ui_port (${ports.join(', ')}): two are the same: choose different ports.`,
    );
  }
  return problems;
}

function expandRoles(roles: ConfigDocument['roles']): ReadonlySet<Role> {
  const all = ROLES.filter((role) => role !== 'all');
  return new Set(roles.includes('all') ? all : roles.filter((role) => role !== 'all'));
}

function sourcesOf(file: ConfigFile, overrides: readonly Override[]): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const visit = (value: unknown, path: readonly string[]): void => {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key]);
    } else sources.set(path.join('.'), file.locate(path));
  };
  visit(file.data, []);
  for (const override of overrides) sources.set(override.path.join('.'), override.name);
  return sources;
}

function toConfig(
  document: ConfigDocument,
  rest: Pick<Config, 'configPath' | 'environment' | 'sources' | 'crash'> & {
    readonly cwd: string;
    readonly temporal: TemporalProfile;
  },
): Config {
  const {
    data_dir: dataDir,
    cache_dir: cacheDir,
    agents_dir: agentsDir,
    tool_modules: toolModules,
    ...others
  } = document;
  const { roles, limits, temporal, ...kept } = others;
  const inCwd = (path: string): string => (isAbsolute(path) ? path : resolve(rest.cwd, path));
  return Object.freeze({
    ...kept,
    dataDir: inCwd(dataDir),
    cacheDir: cacheDir === undefined ? resolve(inCwd(dataDir), 'cache') : inCwd(cacheDir),
    agentsDir: agentsDir === undefined ? null : inCwd(agentsDir),
    toolModules: toolModules.map(inCwd),
    backup: { ...kept.backup, ...(kept.backup.dir === undefined ? {} : { dir: inCwd(kept.backup.dir) }) },
    roles: expandRoles(roles),
    limits: withLimits(DEFAULT_LIMITS, limits),
    temporal: Object.freeze({ ...temporal, ...rest.temporal }),
    configPath: rest.configPath,
    sources: rest.sources,
    crash: rest.crash,
    environment: rest.environment,
  });
}

function problemMessage(problems: readonly string[]): string {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return `The configuration has ${count}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`;
}
