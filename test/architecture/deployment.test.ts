/**
 * Proves of the deployment files what can be proven without a container engine: exact images, loopback ports, health and
 * restart for every service, settings that the product knows, secrets that are asked for, and files that exist.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ENVIRONMENT_SETTINGS, FOREIGN_SECRETS, OTHER_VARIABLES } from '../../adapters/config/settings-table.js';
import { REPOSITORY_ROOT } from './repository-files.js';

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly restart?: string;
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8');
const text = read('docker-compose.yml');
const compose = parse(text) as Compose;
const services = Object.entries(compose.services);
const dockerfile = read('deploy/Dockerfile');

/** Variables that are no settings of ours: read by the openai package, the Temporal profile or Node itself. */
const KNOWN_ELSEWHERE = ['OPENAI_BASE_URL', 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'NODE_ENV'];
const KNOWN = new Set([
  ...ENVIRONMENT_SETTINGS.map(({ variable }) => variable),
  ...OTHER_VARIABLES,
  ...FOREIGN_SECRETS,
  ...KNOWN_ELSEWHERE,
]);

describe('docker-compose.yml', () => {
  it('services: all of them -> the product and what it stands on', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['postgres', 'temporal', 'temporal-ui', 'turnstone']);
  });

  it.each(services)('service %s: -> exact image tag, restart policy and health check', (_, service) => {
    expect(service.image).toMatch(/^[\w./-]+:v?\d+\.\d+[\w.-]*$/);
    expect(service.restart).toBe('unless-stopped');
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
  });

  it.each(services)('service %s: published ports -> on loopback only', (_, { ports = [] }) => {
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it.each(services)('service %s: volumes -> declared, or files that exist', (_, { volumes = [] }) => {
    const missing = volumes
      .map((volume) => volume.split(':')[0] ?? '')
      .filter((source) =>
        source.startsWith('./') ? !existsSync(join(REPOSITORY_ROOT, source)) : !(source in compose.volumes),
      );
    expect(missing).toEqual([]);
  });

  it.each(services)('service %s: what it waits for -> is healthy first', (_, { depends_on: needs = {} }) => {
    for (const [name, { condition }] of Object.entries(needs)) {
      expect(Object.keys(compose.services)).toContain(name);
      expect(condition).toBe('service_healthy');
    }
  });

  it('turnstone: every variable it is given -> one the product reads', () => {
    const names = Object.keys(compose.services['turnstone']?.environment ?? {});
    expect(names).toContain('DATABASE_URL');
    expect(names.filter((name) => !KNOWN.has(name))).toEqual([]);
  });

  it('secrets: no value in the file -> asked for, and named in the example', () => {
    const example = read('deploy/turnstone.env.example');
    const asked = [...text.matchAll(/\$\{(\w+):\?/g)].map((match) => match[1] ?? '');
    expect(asked.length).toBeGreaterThan(3);
    for (const name of asked) expect(example).toContain(`\n${name}=\n`);
    expect(example).not.toMatch(/^\w*(PASSWORD|KEY)=.+$/m);
  });
});

describe('deploy/Dockerfile', () => {
  it('image: what it runs as -> not root, with a health check on /readyz', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/HEALTHCHECK[\s\S]*\/readyz/);
    expect(dockerfile.lastIndexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('RUN '));
  });

  it('image: settings it fixes -> ones the product reads', () => {
    const names = [...(/^ENV (.+)$/m.exec(dockerfile)?.[1] ?? '').matchAll(/(\w+)=/g)].map((match) => match[1] ?? '');
    expect(names.length).toBeGreaterThan(2);
    expect(names.filter((name) => !KNOWN.has(name))).toEqual([]);
  });

  it('image: every folder it copies -> exists and is let through by .dockerignore', () => {
    const copied = [...dockerfile.matchAll(/^COPY ([a-z]\w*) \.\//gm)].map((match) => match[1] ?? '');
    const ignore = read('.dockerignore').split('\n');
    expect(copied).toEqual(expect.arrayContaining(['domain', 'workflows', 'activities', 'api', 'adapters', 'cli']));
    expect(copied.filter((path) => !existsSync(join(REPOSITORY_ROOT, path)) || !ignore.includes(`!${path}`))).toEqual(
      [],
    );
  });
});

describe('scripts', () => {
  it.each(['.ci/run', 'deploy/postgres-roles.sh'])('%s: -> executable, and stops at the first error', (path) => {
    expect(statSync(join(REPOSITORY_ROOT, path)).mode & 0o111).not.toBe(0);
    expect(read(path)).toContain('set -euo pipefail');
  });
});

describe('.github/workflows/ci.yml', () => {
  interface Pipeline {
    readonly permissions: Readonly<Record<string, string>>;
    readonly jobs: Readonly<
      Record<string, { readonly steps: readonly { readonly uses?: string; readonly run?: string }[] }>
    >;
  }
  const source = read('.github/workflows/ci.yml');
  const pipeline = parse(source) as Pipeline;
  const steps = Object.values(pipeline.jobs).flatMap((job) => job.steps);

  it('permissions: of the whole pipeline -> reading the code, nothing else', () => {
    expect(pipeline.permissions).toEqual({ contents: 'read' });
  });

  it('actions: every one -> pinned by its commit', () => {
    const used = steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
    expect(used.length).toBeGreaterThan(1);
    expect(used.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
  });

  it('steps: what it runs -> the same script as everywhere, on each supported Node', () => {
    expect(steps.map(({ run }) => run)).toContain('.ci/run');
    for (const version of ['20', '22', '24']) expect(source).toContain(`'${version}'`);
  });
});
