/**
 * The SDK's runtime, one per process: everything the SDK's core, the worker, workflows and activities log goes through the
 * product's logger with the product's field names, and signals stay with the main.
 */
import type { LogLevel, LogMetadata, Logger as TemporalLogger } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { Logger } from '../../domain/ports/logger.js';

type Severity = 'debug' | 'info' | 'warn' | 'error';

const SEVERITIES: Readonly<Record<LogLevel, Severity>> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

/** Worker start and stop, task queues and the like: of interest when something is wrong, noise on every start. */
const QUIET_COMPONENTS: readonly unknown[] = ['worker', 'core'];

/** Names this product uses for what the SDK calls otherwise; fields of its own that repeat them are left out. */
const FIELD_NAMES: Readonly<Record<string, string | null>> = {
  workflowId: 'workflowId',
  runId: 'runId',
  workflowType: 'workflowType',
  activityType: 'activity',
  activityId: 'activityId',
  attempt: 'attempt',
  taskQueue: 'taskQueue',
  sdkComponent: 'component',
  error: 'err',
  namespace: null,
  taskToken: null,
  isLocal: null,
  spanContexts: null,
  target: 'target',
};

export function toLogFields(meta: LogMetadata = {}): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(meta)) {
    const name = key in FIELD_NAMES ? FIELD_NAMES[key] : key;
    if (name !== null && name !== undefined) fields[name] = value;
  }
  return fields;
}

export function toTemporalLogger(logger: Logger): TemporalLogger {
  const log = (level: LogLevel, message: string, meta?: LogMetadata): void => {
    const severity = SEVERITIES[level];
    const quiet = severity === 'info' && QUIET_COMPONENTS.includes(meta?.['sdkComponent']);
    logger[quiet ? 'debug' : severity](toLogFields(meta), message);
  };
  return {
    log,
    trace: (message, meta) => log('TRACE', message, meta),
    debug: (message, meta) => log('DEBUG', message, meta),
    info: (message, meta) => log('INFO', message, meta),
    warn: (message, meta) => log('WARN', message, meta),
    error: (message, meta) => log('ERROR', message, meta),
  };
}

/** Call once, before the first connection. */
export function installTemporalRuntime(logger: Logger): void {
  Runtime.install({
    logger: toTemporalLogger(logger),
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  });
}
