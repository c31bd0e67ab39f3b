/**
 * Proves that the import table is held by a tool that really looks: the cruiser sees this repository's modules and finds
 * nothing wrong, and every rule fires on a deliberate break (a cruiser that sees no modules passes everything).
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ICruiseOptions, ICruiseResult, IForbiddenRuleType } from 'dependency-cruiser';
import { cruise } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BREAKS, SOUND_FILES } from './boundary-breaks.js';
import { REPOSITORY_ROOT, SOURCE_FOLDERS } from './repository-files.js';

interface CruiserConfig {
  readonly forbidden: IForbiddenRuleType[];
  readonly options: ICruiseOptions;
}
const config = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as CruiserConfig;
const TSCONFIG = {
  compilerOptions: { module: 'NodeNext', moduleResolution: 'NodeNext', target: 'ES2023', strict: true },
};

async function cruiseTree(baseDir: string, folders: readonly string[]): Promise<ICruiseResult> {
  const { tsConfig: _, ...options } = config.options;
  const { output } = await cruise([...folders], {
    ...options,
    baseDir,
    validate: true,
    ruleSet: { forbidden: config.forbidden },
  });
  if (typeof output === 'string') throw new Error('the cruiser answered with text instead of a result');
  return output;
}

const violations = (result: ICruiseResult): string[] =>
  result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort();

describe('boundaries', () => {
  let tree: string;
  let broken: ICruiseResult;

  async function put(path: string, content: string): Promise<void> {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), content);
  }

  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), 'turnstone-boundaries-'));
    const manifest = {
      name: 'tree',
      type: 'module',
      dependencies: { zod: '1.0.0', pg: '1.0.0', yaml: '1.0.0' },
      devDependencies: { vitest: '1.0.0' },
    };
    await put('package.json', JSON.stringify(manifest));
    await put('tsconfig.json', JSON.stringify(TSCONFIG));
    for (const name of ['zod', 'pg', 'yaml', 'vitest', 'undeclared']) {
      await put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
      await put(`node_modules/${name}/index.js`, 'module.exports = {};');
    }
    for (const [path, content] of Object.entries(SOUND_FILES)) await put(path, content);
    for (const { from, imports } of BREAKS) await put(from, imports);
    broken = await cruiseTree(tree, [
      'domain',
      'workflows',
      'activities',
      'workers',
      'api',
      'yaml-workflows',
      'tools',
      'adapters',
      'cli',
      'test',
    ]);
  });

  afterAll(() => rm(tree, { recursive: true, force: true }));

  it('rules: every rule of the configuration -> has a deliberate break', () => {
    const ruleNames = config.forbidden.map(({ name }) => name).sort();
    expect(BREAKS.map(({ rule }) => rule).sort()).toEqual(ruleNames);
  });

  it.each(BREAKS)('rule $rule: broken in $from -> reported there', ({ rule, from }) => {
    const found = broken.summary.violations
      .filter((violation) => violation.rule.name === rule)
      .map((violation) => violation.from);
    expect(found).toContain(from);
  });

  it('rules: allowed imports beside the breaks -> not reported', () => {
    const sound = new Set(Object.keys(SOUND_FILES).filter((path) => path !== 'domain/second.ts'));
    expect(broken.summary.violations.filter(({ from }) => sound.has(from))).toEqual([]);
  });

  it('repository: cruised with the rules -> more than 50 modules of ours and no violation', async () => {
    const result = await cruiseTree(REPOSITORY_ROOT, SOURCE_FOLDERS);
    const ours = result.modules.filter(({ source }) => !source.includes('node_modules') && source.endsWith('.ts'));
    expect(ours.length).toBeGreaterThan(50);
    expect(violations(result)).toEqual([]);
  });
});
