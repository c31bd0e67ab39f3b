/** The workflow bundle, built once per version of its sources: webpack takes seconds, a start should not. */
import { createHash, randomUUID } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { access, mkdir, readFile, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { Logger } from '../domain/ports/logger.js';

export interface BundleOptions {
  readonly cacheDir: string;
  readonly logger: Logger;
  /** Entry file; default: `workflows/index.ts` of the product. */
  readonly entry?: string;
  /** A module that says how failures are written; they are made inside the bundle too. */
  readonly failureConverterPath?: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Part of the cached file's name: how a bundle is made, beside its sources. */
const LAYOUT = 'preloaded';
/** Bundles of earlier versions kept beside the newest: two checkouts may share a cache folder. */
const KEPT_BUNDLES = 5;

/** @returns the path of the bundle, built now when the sources changed since the last start. */
export async function bundleWorkflows({
  cacheDir,
  logger,
  entry = join(ROOT, 'workflows', 'index.ts'),
  failureConverterPath,
}: BundleOptions): Promise<string> {
  const hash = await hashSources([dirname(entry), join(ROOT, 'domain')], entry, failureConverterPath ?? null);
  const path = join(cacheDir, `workflow-bundle-${hash}.js`);
  if (await exists(path)) return path;
  const startedAt = performance.now();
  const { code } = await bundleWorkflowCode({
    workflowsPath: entry,
    // Loaded once per worker, not once per run. They hold no state of a run: nothing at module level changes.
    preloadModules: [entry],
    logger: toBundlerLogger(logger),
    ...(failureConverterPath === undefined ? {} : { failureConverterPath }),
  });
  await mkdir(cacheDir, { recursive: true });
  // Whole or not at all: another process may look for it at this moment.
  const draft = `${path}.${randomUUID()}.new`;
  await writeFile(draft, code);
  await rename(draft, path);
  await removeOld(cacheDir, path);
  logger.info(
    { path, bytes: code.length, durationMs: Math.round(performance.now() - startedAt) },
    'workflow bundle built',
  );
  return path;
}

/** The same on every machine for the same sources: no absolute path is part of it. */
export async function workflowBuildId({
  folders = [join(ROOT, 'workflows'), join(ROOT, 'domain')],
  failureConverterPath,
}: {
  /** All sources the bundle may hold; default: those of the product. */
  readonly folders?: readonly string[];
  readonly failureConverterPath?: string;
} = {}): Promise<string> {
  const hash = createHash('sha256');
  hash.update(sdkVersion());
  for (const folder of folders) await hashFolder(hash, folder);
  if (failureConverterPath !== undefined) hash.update(await readFile(failureConverterPath));
  return hash.digest('hex').slice(0, 24);
}

/** The cached file's name: what the build id covers, and the paths that source maps name. */
async function hashSources(
  folders: readonly string[],
  entry: string,
  failureConverterPath: string | null,
): Promise<string> {
  const converter = failureConverterPath === null ? {} : { failureConverterPath };
  const buildId = await workflowBuildId({ folders, ...converter });
  const hash = createHash('sha256').update(JSON.stringify([buildId, entry, failureConverterPath, LAYOUT]));
  return hash.digest('hex').slice(0, 24);
}

function sdkVersion(): string {
  return (createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string }).version;
}

async function hashFolder(hash: Hash, folder: string): Promise<void> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts')).sort();
  for (const name of names) {
    hash.update(`\0${name}\0`);
    hash.update(await readFile(join(folder, name)));
  }
}

function toBundlerLogger(logger: Logger): NonNullable<Parameters<typeof bundleWorkflowCode>[0]['logger']> {
  // Webpack's report is a page long: of interest when building fails.
  const debug = (message: string): void => logger.debug({ component: 'bundler' }, message);
  const error = (message: string): void => logger.error({ component: 'bundler' }, message);
  return {
    log: (level, message) => (level === 'ERROR' ? error(message) : debug(message)),
    trace: debug,
    debug,
    info: debug,
    warn: (message) => logger.warn({ component: 'bundler' }, message),
    error,
  };
}

async function removeOld(cacheDir: string, newest: string): Promise<void> {
  const names = (await readdir(cacheDir)).filter((name) => /^workflow-bundle-[0-9a-f]+\.js$/.test(name));
  const aged = await Promise.all(
    names.map(async (name) => ({ path: join(cacheDir, name), at: await modifiedAt(join(cacheDir, name)) })),
  );
  const old = aged.filter(({ path }) => path !== newest).sort((left, right) => right.at - left.at);
  // Another process may remove the same file in the same moment; a file that stays does no harm.
  await Promise.allSettled(old.slice(KEPT_BUNDLES - 1).map(({ path }) => unlink(path)));
}

async function modifiedAt(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.mtimeMs,
    () => 0,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
