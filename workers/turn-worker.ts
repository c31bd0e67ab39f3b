/** The Temporal worker of this process: runs the workflows `turn` and `undo` and their activities. */
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { DataConverter, WorkerDeploymentVersion } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { NativeConnection, WorkerDeploymentOptions } from '@temporalio/worker';
import { toError } from '../domain/failures.js';
import type { Logger } from '../domain/ports/logger.js';
import type { TurnActivities } from '../domain/turn-contract.js';

export interface TurnWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly bundlePath: string;
  readonly activities: TurnActivities;
  /** How long running activities may go on after `stop`; then they are cancelled and retried elsewhere or later. */
  readonly shutdownGraceMs: number;
  /** Encrypts what goes to Temporal; absent: nothing is encrypted. */
  readonly dataConverter?: DataConverter;
  /** The build this worker is of, where turns are pinned to builds; absent: it takes any turn. */
  readonly version?: WorkerDeploymentVersion;
  readonly logger: Logger;
}

export interface TurnWorker {
  /** Rejects when the worker fails for good; resolves after `stop`. */
  readonly ended: Promise<void>;
  /** True while it polls; false while it drains and after. */
  isRunning(): boolean;
  stop(): Promise<void>;
}

/** Model calls wait for providers most of their time: this many may wait at once, per process. */
const CONCURRENT_ACTIVITIES = 500;
/** A worker that vanished holds its cached workflows' tasks this long before another may take them. */
const STICKY_TIMEOUT = '5 s';
/** A cancel from the Temporal UI reaches an activity with its next heartbeat; by default beats are held back for 8 s. */
const HEARTBEAT_THROTTLE = '1 s';
/** Past the grace, cancelled activities get this long to let go before the worker gives up on them. */
const FORCE_AFTER_GRACE_MS = 5_000;
const MIB = 1024 * 1024;
/** The SDK counts 600 cached workflows per GB; half of it leaves room for the activities beside them. */
const CACHED_PER_GB = 300;
const RESERVED_MB = 300;

/** Cached workflows by the memory this process may really use: the heap's limit, the container's, the machine's. */
export function cachedWorkflows(memory: {
  readonly heapLimitBytes: number;
  readonly constrainedBytes: number;
  readonly totalBytes: number;
}): number {
  const container = memory.constrainedBytes > 0 ? memory.constrainedBytes : memory.totalBytes;
  const availableMb = Math.min(memory.heapLimitBytes, container, memory.totalBytes) / MIB - RESERVED_MB;
  return Math.min(2000, Math.max(20, Math.floor((availableMb / 1024) * CACHED_PER_GB)));
}

export async function createTurnWorker(options: TurnWorkerOptions): Promise<TurnWorker> {
  const { logger } = options;
  const worker = await Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    workflowBundle: { codePath: options.bundlePath },
    activities: options.activities,
    maxConcurrentActivityTaskExecutions: CONCURRENT_ACTIVITIES,
    maxCachedWorkflows: cachedWorkflows({
      heapLimitBytes: getHeapStatistics().heap_size_limit,
      constrainedBytes: process.constrainedMemory(),
      totalBytes: totalmem(),
    }),
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    ...(options.dataConverter === undefined ? {} : { dataConverter: options.dataConverter }),
    ...(options.version === undefined ? {} : { workerDeploymentOptions: pinnedTo(options.version) }),
    shutdownGraceTime: options.shutdownGraceMs,
    shutdownForceTime: options.shutdownGraceMs + FORCE_AFTER_GRACE_MS,
  });
  const ended = worker.run();
  ended.catch((error: unknown) => logger.error({ err: toError(error) }, 'the turn worker ended'));
  return {
    ended,
    isRunning: () => worker.getState() === 'RUNNING',
    stop: async () => {
      // It has ended by itself: shutting it down again would throw.
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}

/** A turn lasts minutes, at most days while it waits for people: it ends on the build that began it, and needs no patches. */
function pinnedTo(version: WorkerDeploymentVersion): WorkerDeploymentOptions {
  return { useWorkerVersioning: true, version, defaultVersioningBehavior: 'PINNED' };
}
