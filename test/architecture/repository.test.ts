/**
 * Proves the promises this repository makes about itself: sizes, exact versions, a lockfile that fits, no script that runs
 * unasked, no trace of the machine it was written on, and documents whose commands, links and lists are true.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAILURES } from '../../domain/failures.js';
import { REPOSITORY_ROOT, projectFiles } from './repository-files.js';

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
interface LockedPackage extends Partial<Manifest> {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;
const files = projectFiles();
const sources = files.filter((path) => /\.(ts|tsx|mts|mjs|cjs)$/.test(path));
const pages = files.filter((path) => path.endsWith('.md'));

describe('sizes', () => {
  it('source files: all -> at most 300 lines', () => {
    // Of tests the lint rule counts lines of code only: a list of cases needs its empty lines.
    const product = sources.filter((path) => !path.startsWith('test/'));
    expect(product.length).toBeGreaterThan(50);
    const long = product
      .map((path) => ({ path, lines: read(path).split('\n').length - 1 }))
      .filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  it('file names: all sources -> kebab-case, and none that says nothing', () => {
    const names = sources.map((path) => path.split('/').at(-1) ?? path).filter((name) => !name.startsWith('.'));
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(name))).toEqual([]);
    expect(names.filter((name) => /^(utils?|helpers?|common|misc|manager)\./.test(name))).toEqual([]);
  });
});

describe('packages', () => {
  const declared = { ...manifest.dependencies, ...manifest.devDependencies };

  it('package.json: every version -> exact', () => {
    expect(Object.entries(declared).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  it('package-lock.json: its root -> the packages of package.json', () => {
    const root = lockfile.packages[''];
    expect({ ...root?.dependencies, ...root?.devDependencies }).toEqual(declared);
  });

  it('package-lock.json: packages for other platforms -> named too, else `npm ci` refuses the file', () => {
    // A registry that lacks a platform's package makes `npm install` drop its entry without a word.
    const installed = new Set(Object.keys(lockfile.packages).map((path) => path.replace(/^.*node_modules\//, '')));
    const wanted = Object.values(lockfile.packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.length).toBeGreaterThan(20);
    expect([...new Set(wanted)].filter((name) => !installed.has(name))).toEqual([]);
  });

  it('package-lock.json: every address in it -> the public registry', () => {
    const hosts = Object.values(lockfile.packages).flatMap(({ resolved }) =>
      resolved === undefined ? [] : [new URL(resolved).host],
    );
    expect(hosts.filter((host) => host !== 'registry.npmjs.org')).toEqual([]);
  });

  it('scripts: all -> none that runs before or after another unasked', () => {
    const hooks = Object.keys(manifest.scripts).filter(
      (name) => /^(pre|post)/.test(name) || name === 'install' || name === 'prepare',
    );
    expect(hooks).toEqual([]);
  });
});

describe('text', () => {
  const MACHINE =
    /\/work\/(?:main|shared|\.library|\.mirror)\b|\/tmp\/(?:bash_jobs|brief|tb)\b|(?<!\/proc\/\S*)\/root\/|\/home\/(?!turnstone\b)\w+\//;

  it('files: all but binaries -> no path of the machine they were written on', () => {
    const self = 'test/architecture/repository.test.ts';
    const texts = files.filter((path) => path !== self && !/\.(png|jpg|ico|gz|bin|pdf|woff2)$/.test(path));
    const traces = texts.filter((path) => MACHINE.test(read(path)));
    expect(traces).toEqual([]);
    expect(MACHINE.test(['', 'tmp', 'bash_jobs'].join('/'))).toBe(true);
  });
});

describe('documents', () => {
  it('commands: every npm script they name -> exists', () => {
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([\w:-]+)/g)].map((match) => `${page}: ${match[1] ?? ''}`),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((entry) => !((entry.split(': ')[1] ?? '') in manifest.scripts))).toEqual([]);
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(['start', 'test']));
  });

  it('README: its first commands -> the two that start and test the product', () => {
    const [first, second] = read('README.md').match(/npm ci && npm \w+/g) ?? [];
    expect([first, second]).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  });

  it('links: every relative link and picture -> a file that exists', () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(REPOSITORY_ROOT, normalize(join(dirname(page), target)))))
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('docs/api.md: every failure code -> listed with its status', () => {
    const page = read('docs/api.md');
    const missing = Object.entries(FAILURES).filter(
      ([code, { httpStatus }]) => !page.includes(`| \`${code}\` | ${httpStatus} |`),
    );
    expect(missing.map(([code]) => code)).toEqual([]);
  });

  it('AGENTS.md: read by those in a hurry -> at most 120 lines', () => {
    expect(read('AGENTS.md').split('\n').length).toBeLessThanOrEqual(121);
  });
});
