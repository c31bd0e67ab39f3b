/**
 * This build among the versions of a Temporal worker deployment: whether the server can pin turns to builds, which build is
 * current, and making the first one current. Which turns go where is decided in `turn-engine.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerDeploymentVersion } from '@temporalio/common';
import { failure, isFailure, toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { TemporalConnection } from './connect-temporal.js';
import { CALL_TIMEOUT_MS, GRPC_STATUS, hasStatus } from './engine-errors.js';

export interface WorkerDeploymentOptions {
  readonly engine: Pick<TemporalConnection, 'connection' | 'client' | 'namespace' | 'address'>;
  readonly taskQueue: string;
  readonly version: WorkerDeploymentVersion;
  /** The server is this process' own: no other worker can be there, so a build that is not this one is gone. */
  readonly alone: boolean;
  readonly logger: Logger;
}

/** Null: no version is current, new work goes to workers without versions. */
export type CurrentBuild = string | null;

/** Stable there: pinned turns that outlive a worker, and routing that reaches a queue at once. */
const OLDEST_SERVER = [1, 29, 1] as const;
/** A worker's polls are known to the server within tens of milliseconds. */
const REGISTERED_WITHIN_MS = 15_000;
const PAUSE_MS = 50;
/** Processes that start at the same moment get in each other's way at most once each. */
const ATTEMPTS = 8;
/** More turns than a stopped server leaves behind; what is beyond is moved by the next start. */
const MOVED_AT_ONCE = 10_000;

/** @throws `server.cannot-start` when the server is too old to pin turns to builds, or has it switched off. */
export async function requireVersioning(
  engine: WorkerDeploymentOptions['engine'],
  deploymentName: string,
): Promise<void> {
  const { serverVersion } = await ask(engine, () => engine.connection.workflowService.getSystemInfo({}));
  if (isOlder(serverVersion)) throw unusable(engine, deploymentName, `is version ${serverVersion}`);
  await asked(engine, deploymentName, () => describeDeployment(engine, deploymentName));
}

/** Whatever a server says that does not have the feature, has it switched off or may not be asked: it cannot be used so. */
async function asked<T>(
  engine: WorkerDeploymentOptions['engine'],
  deploymentName: string,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw isFailure(error) ? error : unusable(engine, deploymentName, `refused: ${toError(error).message}`);
  }
}

/** A server that does not tell a version of this form is believed: it says soon enough what it cannot do. */
export function isOlder(serverVersion: string): boolean {
  const parts = /^v?(\d+)\.(\d+)\.(\d+)/.exec(serverVersion)?.slice(1).map(Number);
  if (parts === undefined) return false;
  const at = OLDEST_SERVER.findIndex((oldest, index) => parts[index] !== oldest);
  return at !== -1 && (parts[at] ?? 0) < (OLDEST_SERVER[at] ?? 0);
}

/**
 * Once this build's worker polls: waits until the server knows it, and makes it current where none is. A build that is
 * current stays so, unless it cannot be there any more. Safe to repeat, and for processes that start at once.
 * @throws `server.cannot-start`
 */
export function joinDeployment(options: WorkerDeploymentOptions): Promise<CurrentBuild> {
  return asked(options.engine, options.version.deploymentName, () => join(options));
}

async function join(options: WorkerDeploymentOptions): Promise<CurrentBuild> {
  const { engine, version, alone, logger } = options;
  await untilRegistered(options);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const deployment = await describeDeployment(engine, version.deploymentName);
    const current = deployment?.current ?? null;
    if (current !== null && (current === version.buildId || !alone)) return sayStanding(options, current);
    if (!(await setCurrent(options, version.buildId, deployment?.conflictToken ?? null))) continue;
    logger.info({ ...version, before: current }, 'this build is now the current one of its deployment');
    if (alone) await moveStranded(options);
    return version.buildId;
  }
  throw failure(
    'server.cannot-start',
    `Deployment ${version.deploymentName}: build ${version.buildId} could not be made current in ${ATTEMPTS} attempts, others change it: start again.`,
  );
}

function sayStanding({ version, logger }: WorkerDeploymentOptions, current: string): string {
  if (current === version.buildId) return current;
  const { deploymentName, buildId } = version;
  const command = `temporal worker deployment set-current-version --deployment-name ${deploymentName} --build-id ${buildId}`;
  logger.warn(
    { ...version, current, command },
    'another build is current: this process runs the turns it accepts, all others go there; promote this build with the command',
  );
  return current;
}

/**
 * For a process without a deployment: where one was configured before, its versions still get all work. A server of one's
 * own is given back to workers without versions; of another server it is said. Never throws: such a process asks the server
 * for nothing that an old one does not have.
 */
export async function leaveDeployment(options: Omit<WorkerDeploymentOptions, 'version'>): Promise<void> {
  const { taskQueue, alone, logger } = options;
  try {
    const version = await deploymentOfQueue(options);
    if (version === null) return;
    if (alone) {
      await giveBack({ ...options, version });
      return;
    }
    const command = `temporal worker deployment set-current-version --deployment-name ${version.deploymentName} --unversioned`;
    logger.warn(
      { ...version, taskQueue, command },
      'new work of this task queue goes to a deployment, and this process is of none: set TURNSTONE_DEPLOYMENT, or give the queue back with the command',
    );
  } catch (error) {
    logger.warn({ err: toError(error), taskQueue }, 'whether a deployment has this task queue could not be found out');
  }
}

async function deploymentOfQueue({
  engine,
  taskQueue,
}: Omit<WorkerDeploymentOptions, 'version'>): Promise<WorkerDeploymentVersion | null> {
  const { namespace, connection } = engine;
  const request = { namespace, taskQueue: { name: taskQueue }, taskQueueType: WORKFLOW_QUEUE };
  const { versioningInfo } = await ask(engine, () => connection.workflowService.describeTaskQueue(request));
  const current = versioningInfo?.currentDeploymentVersion;
  const deploymentName = current?.deploymentName ?? '';
  const buildId = current?.buildId ?? '';
  return deploymentName === '' || buildId === '' ? null : { deploymentName, buildId };
}

async function giveBack(options: WorkerDeploymentOptions): Promise<void> {
  const { version, taskQueue, logger } = options;
  await setCurrent(options, '', null);
  logger.info({ ...version, taskQueue }, 'no deployment is configured any more: turns are no longer pinned to builds');
  await moveStranded({ ...options, version: { ...version, buildId: '' } });
}

/** Which build gets new work now. @throws what the server says. */
export async function currentBuild(
  options: Pick<WorkerDeploymentOptions, 'engine' | 'version'>,
): Promise<CurrentBuild> {
  return (await describeDeployment(options.engine, options.version.deploymentName))?.current ?? null;
}

const WORKFLOW_QUEUE = 1;
const QUEUE_TYPES = 2;

/** Both kinds of tasks are polled: a start that names this version is then taken. */
async function untilRegistered({ engine, taskQueue, version }: WorkerDeploymentOptions): Promise<void> {
  const { connection, namespace } = engine;
  const deadline = Date.now() + REGISTERED_WITHIN_MS;
  const request = { namespace, deploymentVersion: version };
  for (;;) {
    const described = await orNull(
      ask(engine, () => connection.workflowService.describeWorkerDeploymentVersion(request)),
    );
    const queues = described?.versionTaskQueues.filter((queue) => queue.name === taskQueue) ?? [];
    if (queues.length >= QUEUE_TYPES) return;
    if (Date.now() + PAUSE_MS >= deadline)
      throw unusable(
        engine,
        version.deploymentName,
        `does not list build ${version.buildId} after ${REGISTERED_WITHIN_MS / 1000} s`,
      );
    await sleep(PAUSE_MS);
  }
}

interface Deployment {
  readonly current: CurrentBuild;
  readonly conflictToken: Uint8Array;
}

async function describeDeployment(
  engine: WorkerDeploymentOptions['engine'],
  deploymentName: string,
): Promise<Deployment | null> {
  const { connection, namespace } = engine;
  const described = await orNull(
    ask(engine, () => connection.workflowService.describeWorkerDeployment({ namespace, deploymentName })),
  );
  if (described === null) return null;
  const buildId = described.workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? '';
  return { current: buildId === '' ? null : buildId, conflictToken: described.conflictToken };
}

/** @returns false when another process changed the deployment meanwhile. */
async function setCurrent(
  { engine, version, alone }: WorkerDeploymentOptions,
  buildId: string,
  conflictToken: Uint8Array | null,
): Promise<boolean> {
  const { connection, namespace } = engine;
  const request = {
    namespace,
    deploymentName: version.deploymentName,
    buildId,
    identity: `turnstone ${process.pid}`,
    // A queue that an earlier start polled under another name has nobody left to poll it.
    ignoreMissingTaskQueues: alone,
    ...(conflictToken === null ? {} : { conflictToken }),
  };
  try {
    await ask(engine, () => connection.workflowService.setWorkerDeploymentCurrentVersion(request));
    return true;
  } catch (error) {
    if (hasStatus(error, GRPC_STATUS.failedPrecondition) || hasStatus(error, GRPC_STATUS.aborted)) return false;
    throw error;
  }
}

/**
 * Turns pinned to builds that nobody runs any more follow the current one from now on, as turns do without versions. Safe to
 * repeat: what was moved is not pinned any longer.
 */
async function moveStranded({ engine, version, logger }: WorkerDeploymentOptions): Promise<void> {
  const { client, connection, namespace } = engine;
  const { deploymentName, buildId } = version;
  const elsewhere = buildId === '' ? '' : ` AND TemporalWorkerDeploymentVersion != "${deploymentName}:${buildId}"`;
  const query = `ExecutionStatus = "Running" AND TemporalWorkflowVersioningBehavior = "Pinned" AND TemporalWorkerDeployment = "${deploymentName}"${elsewhere}`;
  let moved = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const request = {
      namespace,
      workflowExecution: { workflowId, runId },
      workflowExecutionOptions: { versioningOverride: { autoUpgrade: true } },
      updateMask: { paths: ['versioning_override'] },
    };
    // Null: it ended meanwhile.
    await orNull(ask(engine, () => connection.workflowService.updateWorkflowExecutionOptions(request)));
    moved += 1;
    if (moved >= MOVED_AT_ONCE) break;
  }
  if (moved > 0) logger.warn({ ...version, moved }, 'turns of builds that are gone go on with the current one');
}

function ask<T>({ connection }: WorkerDeploymentOptions['engine'], call: () => Promise<T>): Promise<T> {
  return connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (hasStatus(error, GRPC_STATUS.notFound)) return null;
    throw error;
  }
}

function unusable({ address }: WorkerDeploymentOptions['engine'], deploymentName: string, what: string): Error {
  return failure(
    'server.cannot-start',
    `temporal.deployment is ${deploymentName}, and the Temporal server at ${address} ${what}: turns cannot be pinned to builds there. Use a server of ${OLDEST_SERVER.join('.')} or later with worker deployments switched on, or unset TURNSTONE_DEPLOYMENT.`,
  );
}
