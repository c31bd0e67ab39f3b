/** Joins the opened parts: tools, activities, worker, API, sweeper. */
import type { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { createTemporalClient } from '../adapters/temporal/connect-temporal.js';
import { createDataConverter } from '../adapters/temporal/data-converter.js';
import type { Config } from '../adapters/config/load-config.js';
import { createEgress } from '../adapters/egress/egress-gate.js';
import { createMemoryEventLog } from '../adapters/memory/memory-event-log.js';
import { createMetrics } from '../adapters/prometheus/create-metrics.js';
import type { MetricsEndpoint } from '../adapters/prometheus/create-metrics.js';
import { ClosedTurnRecorder } from '../adapters/temporal/closed-turn-recorder.js';
import { createTurnEngine } from '../adapters/temporal/turn-engine.js';
import { createUndoEngine } from '../adapters/temporal/undo-engine.js';
import type { ActivityDeps } from '../activities/activity-deps.js';
import { beginNext } from '../activities/begin-next.js';
import { createActivities } from '../activities/create-activities.js';
import { createSecretNet } from '../activities/secret-filter.js';
import { acceptedClaim, createHeadStart } from '../activities/head-start.js';
import type { HeadStart } from '../activities/head-start.js';
import { createTurnStarter } from '../activities/turn-starter.js';
import { createSweeper } from '../activities/sweeper.js';
import type { SweeperDeps } from '../activities/sweeper.js';
import { createApp } from '../api/app.js';
import type { Agent } from '../domain/agent.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import type { TurnEngine } from '../domain/ports/turn-engine.js';
import type { TurnStarter } from '../domain/ports/turn-starter.js';
import type { UndoEngine } from '../domain/ports/undo-engine.js';
import { createBuiltinTools } from '../tools/builtin-tools.js';
import { joinTools } from '../tools/sdk/load-tool-modules.js';
import type { WorkflowBuild } from './bundle-settings.js';
import type { Closers } from './closers.js';
import type { DeferredPython } from './deferred-python.js';
import { createHealth } from './health.js';
import type { Engine } from './open-engine.js';
import { knownSecrets } from './known-secrets.js';
import type { Models } from './open-models.js';
import { openEscalation } from './open-escalation.js';
import { openCodec } from './open-codec.js';
import { openPython } from './open-python.js';
import type { OpenedWorker } from './open-worker.js';
import { openWorker } from './open-worker.js';
import type { Store } from './open-store.js';
import { serveApi } from './serve-api.js';
import { crashDecorators } from './with-crash-points.js';

export interface Parts {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  readonly agents: readonly Agent[];
  readonly bundlePath: string;
  readonly build: WorkflowBuild;
  readonly store: Store;
  readonly engine: Engine;
  readonly models: Models;
  /** Tools of the operator's modules. */
  readonly ownTools: readonly Tool[];
  /** The admin key this start made, or was given; null when an earlier one holds. */
  readonly adminKey: string | null;
}

export interface JoinedParts {
  readonly apiUrl: string | null;
  readonly failed: Promise<never>;
  /** From now on the API refuses new turns and ends its streams. */
  drain(): void;
}

/** A turn without a workflow is found within a minute, whatever died: two rounds fit in. */
const SWEEP_INTERVAL_MS = 20_000;
/** Streams end at once when draining; what is left after this is a request that hangs. */
const API_GRACE_MS = 5_000;
/** Starts that wait at a stop are made at once; past this they are the sweeper's at the next start. */
const STARTS_GRACE_MS = 5_000;

function activityStores({
  turns,
  budgets,
  effects,
  approvals,
  files,
  credentials,
}: Store): Pick<ActivityDeps, 'turns' | 'budgets' | 'effects' | 'approvals' | 'files' | 'credentials'> {
  return { turns, budgets, effects, approvals, files, credentials };
}

export async function joinParts(parts: Parts, closers: Closers): Promise<JoinedParts> {
  const { config, logger } = parts;
  const runsTurns = config.roles.has('turns');
  const crash = crashDecorators(config);
  const events = crash.port('events', createMemoryEventLog());
  closers.add('event log', () => events.close());
  const python = openPython(config, logger);
  closers.add('python', () => python.close());
  const metrics = createMetrics();
  const client = createTemporalClient(parts.engine, dataConverterOf(parts));
  const undoEngine = crash.port('undo', createUndoEngine({ client, taskQueue: config.temporal.task_queue }));
  const turnEngine = crash.port('engine', openTurnEngine(parts, client));
  const starter = createTurnStarter({ engine: turnEngine, logger });
  const state: { apiUrl: string | null; draining: boolean } = { apiUrl: null, draining: false };
  // Turns that waited get their head start too, which itself is made of what activities are made of.
  let headStart: HeadStart | null = null;
  const deps: ActivityDeps = {
    ...activityStores(parts.store),
    ...openOutgoing(parts, () => state.apiUrl),
    events,
    models: crash.models(parts.models.registry),
    tools: crash.tools(joinTools(createBuiltinTools({ python }), parts.ownTools)),
    answers: answerRules(parts),
    logger,
    metrics: metrics.metrics,
    toolTaskQueue: config.temporal.task_queue,
    beginNext: (next) => beginNext({ events, starter, logger, headStart }, next),
  };
  headStart = runsTurns ? openHeadStart(deps, closers) : null;
  const worker = runsTurns ? await openTurnWorker(parts, deps, headStart, closers) : null;
  // While the worker still runs: what these starts begin should end here too.
  closers.add('turn starts', () => starter.drain(), STARTS_GRACE_MS);
  if (config.roles.has('background'))
    openSweeper({ ...deps, engine: turnEngine, undoEngine }, isAlone(config), closers);
  const context: ApiContext = {
    deps,
    turnEngine,
    undoEngine,
    starter,
    headStart,
    metrics,
    python,
    worker,
    isDraining: () => state.draining,
  };
  if (config.roles.has('api')) state.apiUrl = await openApi(parts, context, closers);
  if (config.roles.has('tools')) python.begin();
  return {
    apiUrl: state.apiUrl,
    failed: neverOr(worker),
    drain: () => {
      state.draining = true;
    },
  };
}

/** What goes out, and who hears of escalations over it. @param apiUrl null until the API listens. */
function openOutgoing(
  { config, logger, store }: Parts,
  apiUrl: () => string | null,
): Pick<ActivityDeps, 'egress' | 'escalation'> {
  const egress = createEgress({ allow: config.egress.allow, logger });
  return { egress, ...openEscalation(config, store.secrets.box, egress, apiUrl) };
}

/** Without a turn worker, what this process starts is anybody's. */
function openTurnEngine(parts: Parts, client: Client): TurnEngine {
  const { config, engine, build, logger } = parts;
  const runsTurns = config.roles.has('turns');
  return createTurnEngine({
    client,
    taskQueue: config.temporal.task_queue,
    eagerStart: runsTurns,
    ...(runsTurns ? { recorder: new ClosedTurnRecorder(recorderOptions(parts), logger) } : {}),
    searchAttributes: engine.searchAttributes,
    version: runsTurns ? build.version : null,
    logger,
  });
}

function recorderOptions(parts: Parts): ConstructorParameters<typeof ClosedTurnRecorder>[0] {
  const { besideWorker, namespace } = parts.engine;
  const dataConverter = dataConverterOf(parts);
  return { connection: besideWorker, namespace, ...(dataConverter === undefined ? {} : { dataConverter }) };
}

/** Undefined without a master key: then Temporal holds readable payloads. */
function dataConverterOf({ store }: Parts): DataConverter | undefined {
  return store.secrets.payloads === null ? undefined : createDataConverter(store.secrets.payloads);
}

function answerRules({ config, models, store, adminKey }: Parts): NonNullable<ActivityDeps['answers']> {
  const { imageLinks, masterKeyText } = store.secrets;
  const secrets = createSecretNet(knownSecrets(config, models.providers, [adminKey, masterKeyText]));
  return { secrets, imageHosts: config.answers.images.allow, imageLinks };
}

function openHeadStart(deps: ActivityDeps, closers: Closers): HeadStart {
  const headStart = createHeadStart(deps);
  closers.add('head starts', () => headStart.close());
  return headStart;
}

function openTurnWorker(
  parts: Parts,
  deps: ActivityDeps,
  headStart: HeadStart | null,
  closers: Closers,
): Promise<OpenedWorker> {
  const activities = createActivities(deps, headStart);
  return openWorker({ ...parts, dataConverter: dataConverterOf(parts), activities }, closers);
}

/** An embedded database has one process, and it locks its folder. */
const isAlone = (config: Config): boolean => config.database.url === undefined;

function openSweeper(deps: SweeperDeps, alone: boolean, closers: Closers): void {
  const sweeper = createSweeper(deps);
  sweeper.start(SWEEP_INTERVAL_MS, alone);
  closers.add('sweeper', () => sweeper.stop());
}

interface ApiContext {
  readonly deps: ActivityDeps;
  readonly turnEngine: TurnEngine;
  readonly undoEngine: UndoEngine;
  readonly starter: TurnStarter;
  readonly headStart: HeadStart | null;
  readonly metrics: MetricsEndpoint;
  readonly python: DeferredPython;
  readonly worker: OpenedWorker | null;
  readonly isDraining: () => boolean;
}

async function openApi(parts: Parts, context: ApiContext, closers: Closers): Promise<string> {
  const { config, logger, store, models } = parts;
  const { deps, turnEngine, undoEngine, starter, headStart, metrics, python, worker, isDraining } = context;
  const app = createApp({
    turns: store.turns,
    steers: store.steers,
    approvals: store.approvals,
    conversations: store.conversations,
    usage: store.usage,
    budgets: store.budgets,
    effects: store.effects,
    undoEngine,
    apiKeys: store.apiKeys,
    directory: store.directory,
    files: store.files,
    credentials: store.credentials,
    backups: store.backups,
    events: deps.events,
    engine: turnEngine,
    starter,
    models: models.registry,
    agents: parts.agents,
    tools: deps.tools,
    logger,
    metrics: metrics.metrics,
    metricsText: metrics,
    health: createHealth({ database: store, engine: turnEngine, worker, models: models.registry, python }),
    version: parts.version,
    bodyLimitBytes: config.server.body_limit_bytes,
    defaultLimits: config.limits,
    ...(headStart === null
      ? {}
      : { headStart: (scope, turn, context) => headStart.begin(scope, turn, acceptedClaim(context)) }),
    images: { links: store.secrets.imageLinks, egress: deps.egress },
    isDraining,
    audit: store.audit,
    codec: openCodec(config, store.secrets, { codec: parts.engine.uiCodec, url: parts.engine.uiUrl }),
    keyRing: store.secrets.ring,
    links: { box: store.secrets.box, publicUrl: config.server.public_url ?? null },
  });
  const { host, port, max_connections: maxConnections } = config.server;
  const server = await serveApi({ app, host, port, logger, limits: { maxConnections } });
  closers.add('api', () => server.stop(API_GRACE_MS), API_GRACE_MS * 2);
  return server.url;
}

/** A worker that ends by a stop ends nothing else; one that fails takes the process with it. */
function neverOr(worker: OpenedWorker | null): Promise<never> {
  return new Promise((_resolve, reject) => {
    worker?.ended.catch(reject);
  });
}
