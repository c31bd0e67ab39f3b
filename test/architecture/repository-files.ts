/** What the architecture tests look at: the repository's root, its source folders and its own files. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY_ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const FOLDERS = [
  'domain',
  'workflows',
  'activities',
  'workers',
  'api',
  'yaml-workflows',
  'tools',
  'adapters',
  'web',
  'cli',
  'bench',
  'test',
];
export const SOURCE_FOLDERS: readonly string[] = FOLDERS.filter((folder) => existsSync(join(REPOSITORY_ROOT, folder)));

const SKIPPED = new Set(['node_modules', '.git', '.cache', '.turnstone', 'coverage']);

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    if (SKIPPED.has(name)) return [];
    const path = join(folder, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });
}

/** Paths of every file that belongs to the project: what git tracks or would add; without git, everything but outputs. */
export function projectFiles(): readonly string[] {
  if (!existsSync(join(REPOSITORY_ROOT, '.git')))
    return walk(REPOSITORY_ROOT).map((path) => relative(REPOSITORY_ROOT, path));
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: REPOSITORY_ROOT,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(REPOSITORY_ROOT, path)));
}
