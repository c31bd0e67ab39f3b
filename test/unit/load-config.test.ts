/** Proves: defaults, file and environment come together by one rule, and every problem is named at once, with its place. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../adapters/config/describe-config.js';
import type { Config } from '../../adapters/config/load-config.js';
import { loadConfig } from '../../adapters/config/load-config.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { isFailure } from '../../domain/failures.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const EXAMPLE = readFileSync(new URL('../../turnstone.config.example.yaml', import.meta.url), 'utf8');

const WEBHOOK_SECRET = `whsec_${'b'.repeat(32)}`;

interface Given {
  readonly env?: Record<string, string>;
  readonly file?: string;
  readonly flags?: NonNullable<Parameters<typeof loadConfig>[1]['flags']>;
}

function load({ env = {}, file, flags }: Given = {}): Config {
  const cwd = temporaryFolder();
  if (file !== undefined) writeFileSync(join(cwd, 'turnstone.config.yaml'), file);
  return loadConfig(env, { cwd, ...(flags === undefined ? {} : { flags }) });
}

/** The problems of a configuration that must be refused. */
function problemsOf(given: Given): string {
  try {
    load(given);
  } catch (error) {
    if (isFailure(error) && error.code === 'config.invalid') return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('loadConfig: values', () => {
  it('defaults: nothing is set -> a loopback server with embedded parts and every role', () => {
    const config = load();
    expect(config.server).toMatchObject({ port: 8080, host: '127.0.0.1', body_limit_bytes: 8 * 1024 * 1024 });
    expect(config.dataDir).toMatch(/\.turnstone$/);
    expect(config.cacheDir).toBe(join(config.dataDir, 'cache'));
    expect(config.database.url).toBeUndefined();
    expect(config.temporal).toMatchObject({ address: null, namespace: 'default', port: 0 });
    expect([...config.roles].sort()).toEqual(['api', 'background', 'tools', 'turns']);
    expect(config.limits).toEqual(DEFAULT_LIMITS);
  });

  it('order: file, environment and flag set the same key -> flag over environment over file', () => {
    const file = 'server:\n  port: 1001\n';
    expect(load({ file }).server.port).toBe(1001);
    expect(load({ file, env: { PORT: '1002' } }).server.port).toBe(1002);
    const flags = { 'server.port': { flag: '--port', value: 1003 } };
    expect(load({ file, env: { PORT: '1002' }, flags }).server.port).toBe(1003);
  });

  it('empty: a variable is empty or blank -> it is unset', () => {
    expect(load({ file: 'server: { port: 1001 }', env: { PORT: '', HOST: '  ' } }).server).toMatchObject({
      port: 1001,
      host: '127.0.0.1',
    });
  });

  it('lists and switches: text of the environment -> parsed', () => {
    const config = load({ env: { TURNSTONE_EGRESS_ALLOW: '10.0.0.0/8, intranet.local,', TURNSTONE_PYTHON: 'off' } });
    expect(config.egress.allow).toEqual(['10.0.0.0/8', 'intranet.local']);
    expect(config.python.enabled).toBe(false);
  });

  it('secret files: *_FILE -> the content without its line end, also for provider keys', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'admin'), 'ts_0123456789abcdefghij\n');
    writeFileSync(join(folder, 'openai'), 'sk-file\n');
    const config = load({
      env: { TURNSTONE_ADMIN_KEY_FILE: join(folder, 'admin'), OPENAI_API_KEY_FILE: join(folder, 'openai') },
    });
    expect(config.admin_key).toBe('ts_0123456789abcdefghij');
    expect(config.environment['OPENAI_API_KEY']).toBe('sk-file');
  });

  it('references: ${NAME} in the file -> the value of the variable', () => {
    const file = 'providers:\n  - name: mine\n    base_url: https://models.example/v1\n    api_key: ${MY_KEY}\n';
    expect(load({ file, env: { MY_KEY: 'secret-value' } }).providers[0]?.api_key).toBe('secret-value');
  });

  it('limits: some are set in the file -> those, the others by default', () => {
    expect(load({ file: 'limits: { max_steps: 3 }' }).limits).toEqual({ ...DEFAULT_LIMITS, maxSteps: 3 });
  });

  it('Temporal: TEMPORAL_ADDRESS and its companions -> an outside server', () => {
    const config = load({
      env: { TEMPORAL_ADDRESS: 'temporal.example:7233', TEMPORAL_NAMESPACE: 'prod', TEMPORAL_API_KEY: 'k' },
    });
    expect(config.temporal).toMatchObject({
      address: 'temporal.example:7233',
      namespace: 'prod',
      connection: { apiKey: 'k', tls: true },
    });
  });

  it('Temporal: a profile file merely lies in the home folder -> the embedded server', () => {
    const home = temporaryFolder();
    expect(load({ env: { HOME: home, XDG_CONFIG_HOME: home } }).temporal.address).toBeNull();
  });

  it('service links: a cluster puts TURNSTONE_PORT and the like into the environment -> ignored', () => {
    const env = {
      TURNSTONE_PORT: 'tcp://10.0.0.1:8080',
      TURNSTONE_SERVICE_HOST: '10.0.0.1',
      TURNSTONE_PORT_8080_TCP_ADDR: '10.0.0.1',
    };
    expect(load({ env }).server.port).toBe(8080);
  });

  it('example file: as it is shipped -> accepted, and equal to the defaults', () => {
    const {
      sources: _a,
      configPath: _b,
      dataDir: _c,
      cacheDir: _d,
      environment: _e,
      ...shipped
    } = load({ file: EXAMPLE });
    const { sources: _f, configPath: _g, dataDir: _h, cacheDir: _i, environment: _j, ...defaults } = load();
    expect(shipped).toEqual(defaults);
  });

  it('example file: every commented setting switched on -> accepted', () => {
    const switchedOn = EXAMPLE.replace(
      /^# ((database|approvals|default_model|providers|fallbacks|cache_dir|agents_dir):.*)$/gm,
      '$1',
    ).replace(/^# {3,}/gm, (indent) => indent.slice(2));
    const env = { DATABASE_PASSWORD: 'p', HOUSE_API_KEY: 'k', TURNSTONE_ESCALATION_WEBHOOK_SECRET: WEBHOOK_SECRET };
    const config = load({ file: switchedOn, env });
    expect(config.approvals.escalation_webhook).toContain('hooks.example.com');
    expect(config.providers[0]?.models[0]?.prices?.input_per_million_micros).toBe(2_500_000);
    expect(config.fallbacks).toHaveLength(1);
    expect(config.database.url).toContain('turnstone:p@db');
  });

  it('result: somebody writes to it -> refused', () => {
    const config = load();
    expect(() => Object.assign(config, { dataDir: '/elsewhere' })).toThrow(TypeError);
  });
});

describe('loadConfig: problems', () => {
  it('several: wrong values in environment and file -> one message that names each with its place', () => {
    const message = problemsOf({
      env: { PORT: 'abc', LOG_LEVEL: 'loud' },
      file: 'server:\n  host: 5\nproviders:\n  - name: Bad Name\n    base_url: nope\n',
    });
    expect(message).toContain('The configuration has 5 problems');
    expect(message).toMatch(/PORT: "abc" is not allowed: .*number/);
    expect(message).toMatch(/LOG_LEVEL: "loud" is not allowed: .*"debug"/);
    expect(message).toMatch(/turnstone\.config\.yaml:2: server\.host = 5: /);
    expect(message).toMatch(/turnstone\.config\.yaml:4: providers\.0\.name = "Bad Name": /);
    expect(message).toMatch(/turnstone\.config\.yaml:5: providers\.0\.base_url: Invalid URL/);
  });

  it.each([
    [
      'a deployment name',
      { env: { TURNSTONE_DEPLOYMENT: 'a.b' } },
      /TURNSTONE_DEPLOYMENT: "a\.b" is not allowed: up to 64 letters, digits, _ and -/,
    ],
    ['a key of the file', { file: 'server:\n  prot: 1\n' }, /yaml:2: server\.prot is no setting: did you mean port\?/],
    [
      'a key in a list',
      { file: 'providers:\n  - name: a\n    base_url: http://a/v1\n    apikey: x\n' },
      /yaml:4: providers\.0\.apikey is no setting: did you mean api_key\?/,
    ],
    [
      'a variable',
      { env: { TURNSTONE_DATADIR: '/x' } },
      /TURNSTONE_DATADIR is no setting: did you mean TURNSTONE_DATA_DIR\?/,
    ],
    ['a name far from all', { file: 'zzzzzzzzzz: 1\n' }, /yaml:1: zzzzzzzzzz is no setting: remove it/],
  ] as const)('unknown: %s -> an error that suggests the nearest name', (_what, given, expected) => {
    expect(problemsOf(given)).toMatch(expected);
  });

  it.each([
    ['broken YAML', { file: 'server: [1\n' }, /turnstone\.config\.yaml:\d+: not valid YAML/],
    [
      'a key given twice',
      { file: 'data_dir: a\ndata_dir: b\n' },
      /turnstone\.config\.yaml:2: not valid YAML: .*unique/i,
    ],
    ['a list as the file', { file: '- a\n' }, /the file: .*expected object/],
    [
      'a named file that is missing',
      { env: { TURNSTONE_CONFIG: 'nowhere.yaml' } },
      /TURNSTONE_CONFIG names .*nowhere\.yaml, which does not exist/,
    ],
    [
      'a reference to nothing',
      { file: 'default_model: ${NOT_THERE}\n' },
      /yaml:1: default_model refers to \$\{NOT_THERE\}, which is not set/,
    ],
    [
      'a secret given twice',
      { env: { DATABASE_URL: 'postgres://h/d', DATABASE_URL_FILE: '/x' } },
      /DATABASE_URL and DATABASE_URL_FILE are both set/,
    ],
    [
      'a secret file that is missing',
      { env: { OPENAI_API_KEY_FILE: '/not/there' } },
      /OPENAI_API_KEY_FILE names \/not\/there, which cannot be read/,
    ],
    [
      'a database of another kind',
      { env: { DATABASE_URL: 'mysql://h/d' } },
      /DATABASE_URL: the value is not allowed: postgres:\/\//,
    ],
    [
      'a Temporal profile that does not exist',
      { env: { TEMPORAL_PROFILE: 'ghost' } },
      /TEMPORAL_PROFILE=ghost: .*not found/,
    ],
    ['one port for two servers', { env: { PORT: '9000', TURNSTONE_TEMPORAL_PORT: '9000' } }, /two are the same/],
    ['api without turns', { env: { TURNSTONE_ROLES: 'api' } }, /api, turns, tools share the event log.*--roles all/],
    [
      'background alone on embedded parts',
      { env: { TURNSTONE_ROLES: 'background' } },
      /set DATABASE_URL and TEMPORAL_ADDRESS/,
    ],
  ] as const)('refused: %s -> says so and what to do', (_what, given, expected) => {
    expect(problemsOf(given)).toMatch(expected);
  });

  it('secrets: a refused secret -> its value is not in the message', () => {
    const message = problemsOf({ env: { TURNSTONE_ADMIN_KEY: 'geheim', DATABASE_URL: 'mysql://u:geheim@h/d' } });
    expect(message).toContain('TURNSTONE_ADMIN_KEY');
    expect(message).not.toContain('geheim');
  });
});

describe('describeConfig', () => {
  it('secrets: every place that can hold one -> shown as set, never as text', () => {
    const config = load({
      env: {
        DATABASE_URL: 'postgres://user:geheim-1@db/x',
        TURNSTONE_ADMIN_KEY: 'geheim-2-long-enough-key',
        TEMPORAL_ADDRESS: 't:7233',
        TEMPORAL_API_KEY: 'geheim-3',
      },
      file: 'providers:\n  - name: a\n    base_url: https://u:geheim-4@h/v1\n    api_key: geheim-5\n    headers: { x-key: geheim-6 }\n',
    });
    const text = JSON.stringify(describeConfig(config));
    expect(text).not.toContain('geheim');
    expect(text).toContain('postgres://user:…@db/x');
  });

  it('sources: values from everywhere -> each line says from where', () => {
    const config = load({
      env: { PORT: '9000' },
      file: 'log:\n  level: warn\n',
      flags: { data_dir: { flag: '--data-dir', value: 'd' } },
    });
    const sources = Object.fromEntries(describeConfig(config).map((line) => [line.key, line.source]));
    expect(sources).toMatchObject({
      'server.port': 'PORT',
      'log.level': 'turnstone.config.yaml:2',
      data_dir: '--data-dir',
      'server.host': 'default',
    });
  });
});
