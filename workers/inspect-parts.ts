/** Looks at every part without starting or changing anything: what `turnstone doctor` reports. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../adapters/config/load-config.js';
import { openPostgres } from '../adapters/postgres/open-postgres.js';
import { findBubblewrap } from '../adapters/sandbox/bubblewrap.js';
import { findInterpreter } from '../adapters/sandbox/python-interpreter.js';
import { connectTemporal } from '../adapters/temporal/connect-temporal.js';
import { locateTemporal } from '../adapters/temporal/locate-temporal.js';
import { processStartTime } from '../adapters/temporal/process-identity.js';
import { installTemporalRuntime } from '../adapters/temporal/temporal-runtime.js';
import { requireVersioning } from '../adapters/temporal/worker-deployment.js';
import { toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import { workflowBuild } from './bundle-settings.js';
import { dataFolderLockPath, embeddedDatabaseDir, readServerUrl } from './data-folder.js';
import { findProviders } from './open-models.js';

export interface Finding {
  readonly part: string;
  /** `warn`: the server starts, something is missing or slow. */
  readonly state: 'ok' | 'warn' | 'fail';
  readonly detail: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
const API_TIMEOUT_MS = 3_000;

type Check = (config: Config, logger: Logger) => Promise<Omit<Finding, 'part'>>;

const CHECKS: readonly (readonly [string, Check])[] = [
  ['node', async () => ({ state: 'ok', detail: `${process.version} (${process.platform} ${process.arch})` })],
  ['data folder', dataFolder],
  ['temporal', temporal],
  ['workflows', workflows],
  ['database', database],
  ['python', python],
  ['models', models],
  ['api', api],
];

export async function inspectParts(config: Config, logger: Logger): Promise<readonly Finding[]> {
  return Promise.all(
    CHECKS.map(async ([part, check]) => {
      try {
        return { part, ...(await check(config, logger)) };
      } catch (error) {
        return { part, state: 'fail' as const, detail: toError(error).message };
      }
    }),
  );
}

async function holder(path: string): Promise<number | null> {
  try {
    const { pid } = JSON.parse(await readFile(path, 'utf8')) as { pid?: unknown };
    return typeof pid === 'number' && (await processStartTime(pid)) !== null ? pid : null;
  } catch {
    // No lock, or none that can be read: the start decides what to do about the latter.
    return null;
  }
}

async function dataFolder({ dataDir }: Config): ReturnType<Check> {
  const pid = await holder(dataFolderLockPath(dataDir));
  return { state: 'ok', detail: pid === null ? `${dataDir}, not in use` : `${dataDir}, in use by process ${pid}` };
}

async function temporal(config: Config, logger: Logger): ReturnType<Check> {
  const { address, namespace, connection } = config.temporal;
  if (address === null) return embeddedTemporal(config);
  installTemporalRuntime(logger);
  const connected = await connectTemporal({
    address,
    namespace,
    connection,
    embedded: false,
    logger,
    timeoutMs: CONNECT_TIMEOUT_MS,
  });
  try {
    if (config.temporal.deployment !== undefined) await requireVersioning(connected, config.temporal.deployment);
    const { serverVersion } = await connected.connection.workflowService.getSystemInfo({});
    return { state: 'ok', detail: `server ${serverVersion} at ${address}, namespace ${namespace}` };
  } finally {
    await connected.close();
  }
}

async function workflows(config: Config): ReturnType<Check> {
  const { buildId, version } = await workflowBuild(config);
  const pinned = version === null ? '' : `, deployment ${version.deploymentName}`;
  return { state: 'ok', detail: `build ${buildId}${pinned}` };
}

async function embeddedTemporal(config: Config): ReturnType<Check> {
  try {
    const located = await locateTemporal({ cacheDir: config.cacheDir, env: config.environment, fetch: false });
    const pid = await holder(join(config.dataDir, 'temporal.json'));
    return {
      state: 'ok',
      detail: `CLI ${located.version}, ${located.foundBy}${pid === null ? '' : `; server runs as process ${pid}`}`,
    };
  } catch {
    return {
      state: 'warn',
      detail: 'not on this machine yet: the next start fetches it (needs pip, go or access to temporal.download)',
    };
  }
}

async function database(config: Config, logger: Logger): ReturnType<Check> {
  const { url } = config.database;
  if (url !== undefined) {
    const pool = await openPostgres({ url, logger });
    try {
      return { state: 'ok', detail: `PostgreSQL ${pool.version}` };
    } finally {
      await pool.close();
    }
  }
  const folder = embeddedDatabaseDir(config.dataDir);
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => null); // None yet: a first start makes it.
  const pid = await holder(`${folder}.lock`);
  const held = pid === null ? 'not open' : `open in process ${pid}`;
  return {
    state: 'ok',
    detail:
      version === null
        ? `embedded PGlite, made on the first start in ${folder}`
        : `embedded PGlite ${version.trim()} in ${folder}, ${held}`,
  };
}

async function python(config: Config): ReturnType<Check> {
  if (!config.python.enabled) return { state: 'ok', detail: 'switched off' };
  if (process.platform !== 'linux')
    return { state: 'warn', detail: `the python tool needs Linux, this is ${process.platform}` };
  const [bubblewrap, interpreter] = await Promise.all([findBubblewrap(), findInterpreter(undefined)]);
  if (bubblewrap === null)
    return {
      state: 'warn',
      detail: 'bubblewrap is missing: the python tool will be unavailable; install the package bubblewrap',
    };
  if (typeof interpreter === 'string') return { state: 'warn', detail: interpreter };
  return { state: 'ok', detail: `Python ${interpreter.fullVersion}, jail ${bubblewrap}` };
}

async function models(config: Config, logger: Logger): ReturnType<Check> {
  const providers = await findProviders(config, logger);
  if (providers.length === 0)
    return {
      state: 'warn',
      detail: "no provider: only the scripted demo answers; set OPENAI_API_KEY or another provider's key",
    };
  return { state: 'ok', detail: providers.map((provider) => provider.name).join(', ') };
}

function configuredUrl({ server: { host, port } }: Config): string {
  return `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${port}`;
}

async function api(config: Config): ReturnType<Check> {
  const pid = await holder(dataFolderLockPath(config.dataDir));
  const url = (pid === null ? null : await readServerUrl(config.dataDir, pid)) ?? configuredUrl(config);
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(API_TIMEOUT_MS) });
    return response.ok
      ? { state: 'ok', detail: `answers at ${url}, ready` }
      : { state: 'warn', detail: `answers at ${url}, not ready (${response.status})` };
  } catch {
    return { state: 'ok', detail: `not running at ${url}` };
  }
}
