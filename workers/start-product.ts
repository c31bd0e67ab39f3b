/** Opens every part of the product in order and joins them; `stop` closes them in reverse. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadAgents } from '../adapters/agents/load-agents.js';
import type { Config } from '../adapters/config/load-config.js';
import { lockFolder } from '../adapters/pglite/folder-lock.js';
import { installTemporalRuntime } from '../adapters/temporal/temporal-runtime.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import { bundleSettings, workflowBuild } from './bundle-settings.js';
import { bundleWorkflows } from './bundle-workflows.js';
import type { Closers } from './closers.js';
import { createClosers } from './closers.js';
import { dataFolderLockPath, writeServerRecord } from './data-folder.js';
import { ensureAdminKey } from './ensure-admin-key.js';
import { openEngine } from './open-engine.js';
import { openStore } from './open-store.js';
import type { StartProgress } from './start-progress.js';
import { crashDecorators } from './with-crash-points.js';

export interface StartProductOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly progress: StartProgress;
  readonly makeAdminKey: boolean;
  readonly version: string;
}

export interface Product {
  /** Null in a process without the role `api`. */
  readonly apiUrl: string | null;
  readonly temporalUiUrl: string | null;
  readonly model: { readonly name: string | null; readonly demo: boolean };
  /** Shown once; null when there is nothing new to show. */
  readonly adminKey: string | null;
  /** Rejects when a part the product cannot run without ends by itself. */
  readonly failed: Promise<never>;
  /** Drains and closes everything; safe to repeat. */
  stop(): Promise<void>;
}

const SHIPPED_AGENTS = fileURLToPath(new URL('../agents', import.meta.url));

/**
 * @throws what the part that could not be opened throws (`config.invalid`, `server.cannot-start`, `store.unavailable`);
 *   all others are closed again by then.
 */
export async function startProduct(options: StartProductOptions): Promise<Product> {
  const closers = createClosers(options.logger);
  try {
    return await open(options, closers);
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

async function open(options: StartProductOptions, closers: Closers): Promise<Product> {
  const { config, logger } = options;
  const { progress, phases } = measured(options.progress);
  const agents = await loadAgents(config.agentsDir ?? SHIPPED_AGENTS);
  const ownTools = await loadOwnTools(config.toolModules);
  await holdDataFolder(config, closers);
  installTemporalRuntime(logger);
  // The server's own modules load while database and Temporal, in a thread and a process of theirs, come up.
  const build = await workflowBuild(config);
  const [bundlePath, openedStore, engine, models, { joinParts }] = await allOpened([
    progress.phase('Workflows', () =>
      bundleWorkflows({ cacheDir: config.cacheDir, logger, ...bundleSettings(config) }),
    ),
    progress.phase('Database', (say) => openStore(config, logger, closers, say)),
    progress.phase('Temporal', (say) => openEngine(config, logger, closers, say)),
    progress.phase('Models', async () => (await import('./open-models.js')).openModels(config, logger)),
    import('./join-parts.js'),
  ]);
  const store = crashDecorators(config).ports(openedStore);
  const adminKey = await ensureAdminKey({
    apiKeys: store.apiKeys,
    directory: store.directory,
    audit: store.audit,
    configured: config.admin_key,
    makeNew: options.makeAdminKey,
  });
  const joined = await progress.phase('Server', () =>
    joinParts({ ...options, adminKey, agents, ownTools, bundlePath, build, store, engine, models }, closers),
  );
  await writeServerRecord(config.dataDir, joined.apiUrl);
  logger.info(
    {
      database: store.description,
      temporal: engine.origin,
      build: build.buildId,
      deployment: build.version?.deploymentName ?? null,
      phases,
    },
    'parts in use',
  );
  return {
    apiUrl: joined.apiUrl,
    temporalUiUrl: engine.uiUrl,
    model: { name: models.defaultModel, demo: models.demo },
    adminKey,
    failed: joined.failed,
    stop: () => {
      joined.drain();
      return closers.closeAll();
    },
  };
}

/** Only where there are any: what tools are made of takes time to load. */
async function loadOwnTools(paths: readonly string[]): Promise<readonly Tool[]> {
  if (paths.length === 0) return [];
  return (await import('../tools/sdk/load-tool-modules.js')).loadToolModules(paths);
}

/** Passes phases on and keeps how long each took, in milliseconds. */
function measured(progress: StartProgress): {
  readonly progress: StartProgress;
  readonly phases: Record<string, number>;
} {
  const phases: Record<string, number> = {};
  const phase: StartProgress['phase'] = async (title, work) => {
    const startedAt = performance.now();
    try {
      return await progress.phase(title, work);
    } finally {
      phases[title] = Math.round(performance.now() - startedAt);
    }
  };
  return { progress: { ...progress, phase }, phases };
}

/** What is embedded belongs to one process: the database, and the Temporal server with its file. */
async function holdDataFolder(config: Config, closers: Closers): Promise<void> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  if (config.database.url !== undefined && config.temporal.address !== null) return;
  const lock = await lockFolder(config.dataDir, dataFolderLockPath(config.dataDir));
  closers.add('data folder', () => lock.release());
}

/** `Promise.all` that waits for the others before it fails, so that what they opened can be closed. */
async function allOpened<T extends readonly unknown[]>(opening: {
  readonly [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  const settled = await Promise.allSettled(opening);
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
  return settled.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : null)) as unknown as T;
}
