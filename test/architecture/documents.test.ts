/** Proves that the reference pages list what the code has: settings, provider keys, limits, metrics. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema } from '../../adapters/config/config-schema.js';
import { ENVIRONMENT_SETTINGS, FOREIGN_SECRETS, OTHER_VARIABLES } from '../../adapters/config/settings-table.js';
import { createMetrics } from '../../adapters/prometheus/create-metrics.js';
import { createApiRoutes } from '../../api/app.js';
import { limitsSchema } from '../../domain/agent.js';
import { providerSchema } from '../../domain/provider.js';
import { REPOSITORY_ROOT } from './repository-files.js';

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8');

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
  readonly default?: unknown;
}
const toObjectSchema = (schema: z.ZodType): ObjectSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as ObjectSchema;

/** `server.port`, `log.level`, … of a schema; lists and free-form objects end a path. */
function keysOf(schema: ObjectSchema, prefix = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    inner.properties === undefined || name === 'limits' ? [`${prefix}${name}`] : keysOf(inner, `${prefix}${name}.`),
  );
}

describe('docs/configuration.md', () => {
  const page = read('docs/configuration.md');

  it('keys: every key of the configuration file -> has its row', () => {
    const keys = keysOf(toObjectSchema(configSchema));
    expect(keys).toContain('server.port');
    expect(keys.filter((key) => !page.includes(`| \`${key}\` |`))).toEqual([]);
  });

  it('variables: every one the product reads -> named, beside its key', () => {
    const rows = ENVIRONMENT_SETTINGS.map(({ variable, path }) => `| \`${variable}\` | \`${path.join('.')}\` |`);
    expect(rows.filter((row) => !page.includes(row))).toEqual([]);
    expect([...OTHER_VARIABLES, ...FOREIGN_SECRETS].filter((name) => !page.includes(name))).toEqual([]);
  });

  it('defaults: of plain settings -> the ones in the schema', () => {
    const { server, log, temporal, python } = configSchema.parse({});
    const shown = { server, log, temporal, python } as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    const rows = Object.entries(shown).flatMap(([section, values]) =>
      Object.entries(values).map(([key, value]) => `\`${section}.${key}\` | \`${String(value)}\` |`),
    );
    expect(rows.filter((row) => !page.includes(row))).toEqual([]);
  });

  it.each([
    ['provider', providerSchema],
    ['limit', limitsSchema],
  ])('keys of a %s: all -> have their row', (_, schema) => {
    const keys = Object.keys(toObjectSchema(schema).properties ?? {});
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.filter((key) => !page.includes(`\n| \`${key}\` |`))).toEqual([]);
  });
});

describe('docs/operators.md', () => {
  it('metrics: every one the product serves -> has its row', async () => {
    const page = read('docs/operators.md');
    const names = [...(await createMetrics().text()).matchAll(/^# TYPE (turnstone_\w+) (\w+)$/gm)];
    expect(names.length).toBeGreaterThan(10);
    const missing = names.filter(([, name = '', type = '']) => !page.includes(`| \`${name}\` | ${type} |`));
    expect(missing.map(([, name]) => name)).toEqual([]);
  });
});

describe('docs/api.md', () => {
  it('endpoints: every route of the API -> has its row, with the scope it asks for', () => {
    const page = read('docs/api.md');
    // The list of routes is made without touching the parts behind them.
    const routes = createApiRoutes({} as never).filter(({ path }) => path !== '/docs/{asset}');
    expect(routes.length).toBeGreaterThan(20);
    const rows = routes.map(
      ({ method, path, scope }) => `| \`${method.toUpperCase()} ${path.replace('{+', '{')}\` | ${scope ?? 'none'} |`,
    );
    expect(rows.filter((row) => !page.includes(row))).toEqual([]);
  });
});
