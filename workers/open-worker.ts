/** The turn worker of this process, as a version of its deployment where one is configured. */
import type { DataConverter } from '@temporalio/common';
import type { Config } from '../adapters/config/load-config.js';
import {
  currentBuild,
  joinDeployment,
  leaveDeployment,
  requireVersioning,
} from '../adapters/temporal/worker-deployment.js';
import type { Logger } from '../domain/ports/logger.js';
import type { TurnActivities } from '../domain/turn-contract.js';
import type { WorkflowBuild } from './bundle-settings.js';
import type { Closers } from './closers.js';
import type { Engine } from './open-engine.js';
import type { TurnWorker } from './turn-worker.js';
import { createTurnWorker } from './turn-worker.js';
import { crashDecorators } from './with-crash-points.js';

export interface WorkerParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly engine: Engine;
  readonly bundlePath: string;
  readonly build: WorkflowBuild;
  readonly activities: TurnActivities;
  /** Undefined: payloads are not encrypted. */
  readonly dataConverter: DataConverter | undefined;
}

export interface OpenedWorker extends TurnWorker {
  /** Its build and how that stands, for people. */
  describe(): Promise<string>;
}

/** Over the grace of running activities: the worker's own force time comes first. */
const WORKER_MARGIN_MS = 10_000;

/** @throws `server.cannot-start` where turns are to be pinned to builds and the server cannot do that. */
export async function openWorker(parts: WorkerParts, closers: Closers): Promise<OpenedWorker> {
  const { config, engine, build, dataConverter, logger } = parts;
  const { version } = build;
  const place = { engine, taskQueue: config.temporal.task_queue, alone: config.temporal.address === null, logger };
  if (version === null) await leaveDeployment(place);
  else await requireVersioning(engine, version.deploymentName);
  const shutdownGraceMs = config.server.shutdown_grace_ms;
  const worker = await createTurnWorker({
    connection: engine.connection,
    namespace: engine.namespace,
    taskQueue: config.temporal.task_queue,
    bundlePath: parts.bundlePath,
    activities: crashDecorators(config).port('activity', parts.activities),
    shutdownGraceMs,
    ...(dataConverter === undefined ? {} : { dataConverter }),
    ...(version === null ? {} : { version }),
    logger,
  });
  closers.add('turn worker', () => worker.stop(), shutdownGraceMs + WORKER_MARGIN_MS);
  if (version !== null) await joinDeployment({ ...place, version });
  return { ...worker, describe: () => describeBuild(parts) };
}

async function describeBuild({ engine, build: { buildId, version } }: WorkerParts): Promise<string> {
  if (version === null) return `build ${buildId}`;
  const current = await currentBuild({ engine, version });
  const standing =
    current === buildId ? 'current' : `not current, ${current === null ? 'none is' : `that is ${current}`}`;
  return `build ${buildId} of deployment ${version.deploymentName}, ${standing}`;
}
