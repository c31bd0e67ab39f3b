/** A real Temporal server for workflow tests, and a worker that runs our workflows with activities the test brings. */
import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { SearchAttributeType, TypedSearchAttributes, defineSearchAttributeKey } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { createDataConverter, FAILURE_CONVERTER_PATH } from '../../adapters/temporal/data-converter.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import { SEARCH_ATTRIBUTES, turnWorkflowId } from '../../domain/turn-contract.js';
import type {
  CallModelResult,
  ClosedAhead,
  PlannedCall,
  TurnActivities,
  TurnInput,
  TurnResult,
} from '../../domain/turn-contract.js';
import { initialTurnState } from '../../domain/turn-state.js';
import { bundleWorkflows } from '../../workers/bundle-workflows.js';
import { createRecordingLogger } from './recording-logger.js';
import { temporalBinary } from './temporal-server.js';
import { TEST_CACHE_DIR } from './test-cache.js';

/** As the product starts it: by default each queue is looked at 20 times a second, which adds up to 50 ms to every hop. */
const FAST_QUEUES = ['history.transferProcessorMaxPollRPS=2000', 'history.timerProcessorMaxPollRPS=2000'].flatMap(
  (value) => ['--dynamic-config-value', value],
);

export interface WorkflowTestEnvironment {
  readonly temporal: TestWorkflowEnvironment;
  /** Runs `test` while a worker with these activities polls. */
  withWorker<T>(activities: TurnActivities, options: WorkerChoice, test: (run: StartedTurn) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}
export interface WorkerChoice {
  /** False: no sticky cache, so that every workflow task replays the whole history. */
  readonly sticky: boolean;
  readonly input?: Partial<TurnInput>;
  /** Payloads are encrypted with it, by worker and client; the bundle must be one that encodes failures. */
  readonly cipher?: PayloadCipher;
}
export interface StartedTurn {
  readonly handle: WorkflowHandle<(input: TurnInput) => Promise<TurnResult>>;
  readonly input: TurnInput;
}

/** @param serverArgs further options of the Temporal server. */
export async function startWorkflowEnvironment(serverArgs: readonly string[] = []): Promise<WorkflowTestEnvironment> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const keys = Object.values(SEARCH_ATTRIBUTES).map((name) =>
    defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
  );
  const temporal = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await temporalBinary() },
      searchAttributes: keys,
      // Ended activities and deleted task queues are warnings to it, and pages of them.
      log: { format: 'pretty', level: 'error' },
      extraArgs: [...FAST_QUEUES, ...serverArgs],
    },
  });
  const codePath = await bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger: createRecordingLogger().logger });
  return {
    temporal,
    withWorker: (activities, options, test) => withWorker(temporal, codePath, activities, options, test),
    stop: () => temporal.teardown(),
  };
}

/** The product's workflows as they are bundled where payloads are encrypted. */
export function encodingBundle(): Promise<string> {
  const { logger } = createRecordingLogger();
  return bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger, failureConverterPath: FAILURE_CONVERTER_PATH });
}

async function withWorker<T>(
  temporal: TestWorkflowEnvironment,
  codePath: string,
  activities: TurnActivities,
  options: WorkerChoice,
  test: (run: StartedTurn) => Promise<T>,
): Promise<T> {
  const taskQueue = `test-${randomUUID()}`;
  const turnId = `resp_${randomUUID().replaceAll('-', '')}`;
  const converter = options.cipher === undefined ? {} : { dataConverter: createDataConverter(options.cipher) };
  const client = new Client({ connection: temporal.connection, ...converter });
  const worker = await Worker.create({
    connection: temporal.nativeConnection,
    taskQueue,
    workflowBundle: { codePath: options.cipher === undefined ? codePath : await encodingBundle() },
    ...converter,
    activities,
    maxCachedWorkflows: options.sticky ? 100 : 0,
    // A cancel reaches an activity with its next heartbeat; the default holds them back for 8 s.
    maxHeartbeatThrottleInterval: '100ms',
  });
  const input: TurnInput = {
    tenantId: 'default',
    turnId,
    conversationId: null,
    requestId: 'req_test',
    limits: DEFAULT_LIMITS,
    model: 'fake/model',
    ...options.input,
  };
  return worker.runUntil(async () => {
    const handle = await client.workflow.start<(input: TurnInput) => Promise<TurnResult>>('turn', {
      taskQueue,
      workflowId: turnWorkflowId(input),
      args: [input],
      memo: { turnId: input.turnId },
      typedSearchAttributes: new TypedSearchAttributes([
        { key: defineSearchAttributeKey(SEARCH_ATTRIBUTES.tenant, SearchAttributeType.KEYWORD), value: 'default' },
      ]),
    });
    return test({ handle, input });
  });
}

/** A planned tool call on the worker's own queue. */
export function plannedCall(taskQueue: string, callIndex: number, change: Partial<PlannedCall> = {}): PlannedCall {
  return { callIndex, name: 'python', taskQueue, timeoutMs: 5_000, effect: 'read', preview: '{"code":"1"}', ...change };
}

export function callsResult(calls: readonly PlannedCall[]): CallModelResult {
  return { outcome: 'calls', status: null, model: 'fake/model', calls, clientCalls: 0, tokens: 10, costMicros: 1 };
}

export function closedResult(status: CallModelResult['status'] = 'completed'): CallModelResult {
  return { ...callsResult([]), outcome: 'closed', status };
}

/** What a head start leaves that took a turn with one tool to its end. */
export function closedAhead(): ClosedAhead {
  return {
    status: 'completed',
    state: { ...initialTurnState(0), step: 2, toolCalls: 1, tokens: 20, costMicros: 2 },
    stages: [
      { step: 1, name: 'fake/model', status: 'completed', detail: 'fake/model, 10 tokens' },
      { step: 1, name: 'python', status: 'failed', detail: 'no python' },
      { step: 2, name: 'fake/model', status: 'completed', detail: 'fake/model, 10 tokens' },
    ],
  };
}

/** Stays until Temporal cancels it, as a long model call does. */
export async function untilCancelled(): Promise<never> {
  const beat = setInterval(() => Context.current().heartbeat(), 50);
  try {
    return await Context.current().cancelled;
  } finally {
    clearInterval(beat);
  }
}
