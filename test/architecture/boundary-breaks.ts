/**
 * One deliberate break per import rule: files of a small tree shaped like ours. `packages.json` of the tree declares zod,
 * pg and yaml as dependencies and vitest as a devDependency; each package is an empty file in its node_modules.
 */
export interface Break {
  readonly rule: string;
  /** The file that breaks the rule; the cruiser must name it. */
  readonly from: string;
  readonly imports: string;
}

export const BREAKS: readonly Break[] = [
  {
    rule: 'no-circular',
    from: 'domain/first.ts',
    imports: "import { second } from './second.js'; export const first = second;",
  },
  {
    rule: 'not-resolvable',
    from: 'tools/lost-tool.ts',
    imports: "import { gone } from './gone.js'; export const lost = gone;",
  },
  {
    rule: 'no-undeclared-package',
    from: 'tools/undeclared-tool.ts',
    imports: "import undeclared from 'undeclared'; export { undeclared };",
  },
  {
    rule: 'no-dev-package-in-product',
    from: 'tools/dev-tool.ts',
    imports: "import vitest from 'vitest'; export { vitest };",
  },
  {
    rule: 'domain-alone',
    from: 'domain/open-a-file.ts',
    imports: "import { readFile } from 'node:fs'; export { readFile };",
  },
  {
    rule: 'ports-are-types',
    from: 'api/port-value.ts',
    imports: "import { portValue } from '../domain/ports/port.js'; export { portValue };",
  },
  { rule: 'zod-free-domain', from: 'domain/limits.ts', imports: "import zod from 'zod'; export { zod };" },
  {
    rule: 'workflows-alone',
    from: 'workflows/uses-activity-type.ts',
    imports: "import type { Act } from '../activities/act.js'; export type { Act };",
  },
  {
    rule: 'workflows-take-zod-free-values',
    from: 'workflows/uses-schema.ts',
    imports: "import { schema } from '../domain/schema.js'; export { schema };",
  },
  {
    rule: 'compiler-alone',
    from: 'yaml-workflows/compiler/uses-pg.ts',
    imports: "import pg from 'pg'; export { pg };",
  },
  {
    rule: 'tools-boundary',
    from: 'tools/uses-adapter.ts',
    imports: "import { own } from '../adapters/one/own.js'; export { own };",
  },
  {
    rule: 'activities-boundary',
    from: 'activities/uses-adapter.ts',
    imports: "import { own } from '../adapters/one/own.js'; export { own };",
  },
  { rule: 'activities-packages', from: 'activities/uses-pg.ts', imports: "import pg from 'pg'; export { pg };" },
  {
    rule: 'adapters-boundary',
    from: 'adapters/two/uses-sibling.ts',
    imports: "import { own } from '../one/own.js'; export { own };",
  },
  {
    rule: 'api-boundary',
    from: 'api/uses-activity.ts',
    imports: "import { act } from '../activities/act.js'; export { act };",
  },
  {
    rule: 'api-takes-workflow-types',
    from: 'api/uses-workflow.ts',
    imports: "import { run } from '../workflows/run.js'; export { run };",
  },
  { rule: 'api-packages', from: 'api/uses-pg.ts', imports: "import pg from 'pg'; export { pg };" },
  {
    rule: 'mains-are-not-imported',
    from: 'api/uses-main.ts',
    imports: "import { main } from '../workers/main.js'; export { main };",
  },
  {
    rule: 'cli-talks-http',
    from: 'cli/list-command.ts',
    imports: "import { act } from '../activities/act.js'; export { act };",
  },
  {
    rule: 'product-knows-no-test',
    from: 'tools/uses-test.ts',
    imports: "import { builder } from '../test/support/builder.js'; export { builder };",
  },
];

/** Files the breaks lean on, and imports that are allowed: none of these may be reported. */
export const SOUND_FILES: Readonly<Record<string, string>> = {
  'domain/second.ts': "import { first } from './first.js'; export const second: unknown = first;",
  'domain/schema.ts': "import zod from 'zod'; export const schema = zod;",
  'domain/ports/port.ts': "import type { Own } from '../own.js'; export const portValue = 1; export type Port = Own;",
  'domain/own.ts': 'export type Own = string;',
  'domain/failures.ts': 'export const FAILURES = {};',
  'workflows/run.ts':
    "import type { schema } from '../domain/schema.js'; import { FAILURES } from '../domain/failures.js'; export const run = (s: typeof schema): unknown => [s, FAILURES];",
  'activities/act.ts':
    "import type { Port } from '../domain/ports/port.js'; export type Act = Port; export const act = 1;",
  'adapters/one/own.ts':
    "import pg from 'pg'; import type { Port } from '../../domain/ports/port.js'; export const own = (p: Port): unknown => [p, pg];",
  'api/uses-types.ts':
    "import type { run } from '../workflows/run.js'; import type { Port } from '../domain/ports/port.js'; export type Both = [typeof run, Port];",
  'workers/main.ts':
    "import { act } from '../activities/act.js'; import { own } from '../adapters/one/own.js'; export const main = [act, own];",
  'cli/start-command.ts': "import { main } from '../workers/main.js'; export { main };",
  'test/support/builder.ts':
    "import vitest from 'vitest'; import { act } from '../../activities/act.js'; export const builder = [vitest, act];",
};
