/**
 * Proven on a real server: a turn that has ended is recorded without a worker, with the history a worker would have written;
 * what cannot be completed so, or not even asked for, is left to the worker.
 */
import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { ClosedTurnRecorder, connectBesideWorker } from '../../adapters/temporal/closed-turn-recorder.js';
import { createDataConverter } from '../../adapters/temporal/data-converter.js';
import { createTurnEngine } from '../../adapters/temporal/turn-engine.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import type { StartTurn, TurnEngine } from '../../domain/ports/turn-engine.js';
import { turnWorkflowId } from '../../domain/turn-contract.js';
import type { TurnResult } from '../../domain/turn-contract.js';
import { aPayloadCipher } from '../support/in-memory-tenant-keys.js';
import { silentLogger } from '../support/silent-logger.js';
import { closedAhead, encodingBundle, startWorkflowEnvironment } from '../support/workflow-environment.js';
import type { WorkflowTestEnvironment } from '../support/workflow-environment.js';

let environment: WorkflowTestEnvironment;
beforeAll(async () => {
  environment = await startWorkflowEnvironment();
});
afterAll(() => environment.stop());

const RESULT: TurnResult = { status: 'completed', steps: 2, toolCalls: 1 };

function aClosedTurn(): StartTurn {
  const turnId = `resp_${randomUUID().replaceAll('-', '')}`;
  const ids = { tenantId: 'default', turnId, conversationId: null, requestId: 'req_1' };
  return {
    input: { ...ids, limits: DEFAULT_LIMITS, model: 'auto', closed: closedAhead() },
    agent: 'general',
    model: 'fake/model',
    principalId: 'ada',
    summary: 'general · fake/model',
  };
}

interface Recording {
  readonly engine: TurnEngine;
  readonly client: Client;
  readonly taskQueue: string;
  readonly cipher: PayloadCipher;
}

/** @param beside what the recorder asks over, in place of a connection that works. */
function aRecording(beside: Connection = environment.temporal.connection): Recording {
  const taskQueue = `test-${randomUUID()}`;
  const cipher = aPayloadCipher();
  const dataConverter = createDataConverter(cipher);
  const client = new Client({ connection: environment.temporal.nativeConnection, dataConverter });
  const recorder = new ClosedTurnRecorder({ connection: beside, dataConverter }, silentLogger);
  const engine = createTurnEngine({
    client,
    taskQueue,
    recorder,
    eagerStart: false,
    searchAttributes: true,
    logger: silentLogger,
  });
  return { engine, client, taskQueue, cipher };
}

const handleOf = ({ client }: Recording, turn: StartTurn) =>
  client.workflow.getHandle<() => Promise<TurnResult>>(turnWorkflowId(turn.input));

async function withWorker<T>({ taskQueue, cipher }: Recording, work: () => Promise<T>): Promise<T> {
  const worker = await Worker.create({
    connection: environment.temporal.nativeConnection,
    taskQueue,
    workflowBundle: { codePath: await encodingBundle() },
    dataConverter: createDataConverter(cipher),
  });
  return worker.runUntil(work);
}

describe.concurrent('a turn that has ended', () => {
  it('no worker there -> recorded all the same; the history is what a worker writes, and replays', async ({
    expect,
  }) => {
    const recording = aRecording();
    const turn = aClosedTurn();
    await recording.engine.start(turn);
    const handle = handleOf(recording, turn);
    expect(await handle.result()).toEqual(RESULT);
    const run = await handle.describe();
    expect(run.status.name).toBe('COMPLETED');
    expect(run.memo).toEqual({ turnId: turn.input.turnId });
    expect(await run.staticSummary()).toBe(turn.summary);
    const history = await handle.fetchHistory();
    const text = historyToJSON(history);
    const events = (JSON.parse(text) as { events: { eventType: string }[] }).events.map(({ eventType }) => eventType);
    expect(events).toEqual([
      'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
      'EVENT_TYPE_WORKFLOW_TASK_SCHEDULED',
      'EVENT_TYPE_WORKFLOW_TASK_STARTED',
      'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
      'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
    ]);
    expect(text).not.toContain('toolCalls');
    const replaying = {
      workflowBundle: { codePath: await encodingBundle() },
      dataConverter: createDataConverter(recording.cipher),
    };
    await Worker.runReplayHistory(replaying, JSON.parse(text), handle.workflowId);
  });

  it('the task cannot be completed here -> the worker does it', async ({ expect }) => {
    const mute = await Connection.connect({ address: environment.temporal.address });
    const lost = (): Promise<never> => Promise.reject(new Error('the answer is lost'));
    Object.assign(mute.workflowService, { respondWorkflowTaskCompleted: lost });
    const recording = aRecording(mute);
    const turn = aClosedTurn();
    await recording.engine.start(turn);
    await mute.close();
    const handle = handleOf(recording, turn);
    expect((await handle.describe()).status.name).toBe('RUNNING');
    expect(await withWorker(recording, () => handle.result())).toEqual(RESULT);
  });

  it('the connection beside the worker leads nowhere -> started and recorded by the worker', async ({ expect }) => {
    const nowhere = connectBesideWorker('127.0.0.1:1');
    const recording = aRecording(nowhere);
    const turn = aClosedTurn();
    await recording.engine.start(turn);
    await nowhere.close();
    expect(await withWorker(recording, () => handleOf(recording, turn).result())).toEqual(RESULT);
  });

  it('many times at once -> each time without an error, recorded', async ({ expect }) => {
    const recording = aRecording();
    const turn = aClosedTurn();
    await Promise.all(Array.from({ length: 5 }, () => recording.engine.start(turn)));
    expect(await handleOf(recording, turn).result()).toEqual(RESULT);
  });
});
