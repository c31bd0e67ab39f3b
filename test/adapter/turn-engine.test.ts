/**
 * Proves the engine port on a real server with a real worker: starts are safe to repeat, a conversation runs one turn at a
 * time, cancel reaches only the turn it names, and an engine that is away is told as such within its deadline.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { msToTs } from '@temporalio/common/lib/time.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal } from '../../adapters/temporal/connect-temporal.js';
import type { TemporalConnection } from '../../adapters/temporal/connect-temporal.js';
import type { DevServer } from '../../adapters/temporal/start-dev-server.js';
import { installTemporalRuntime } from '../../adapters/temporal/temporal-runtime.js';
import { createTurnEngine } from '../../adapters/temporal/turn-engine.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { StartTurn, TurnEngine } from '../../domain/ports/turn-engine.js';
import type { TurnActivities } from '../../domain/turn-contract.js';
import { olderTurnWorkflowId, turnWorkflowId } from '../../domain/turn-contract.js';
import type { TurnRef } from '../../domain/turn-contract.js';
import { userHandle } from '../../domain/user-handle.js';
import { bundleWorkflows } from '../../workers/bundle-workflows.js';
import { createTurnWorker } from '../../workers/turn-worker.js';
import type { TurnWorker } from '../../workers/turn-worker.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { startSilentProxy } from '../support/silent-proxy.js';
import { startTemporalServer } from '../support/temporal-server.js';
import { TEST_CACHE_DIR } from '../support/test-cache.js';
import { until } from '../support/until.js';

const TASK_QUEUE = 'engine-test';
const { logger } = createRecordingLogger();
const folder = mkdtempSync(join(tmpdir(), 'turnstone-test-'));
const begun = new Set<string>();
let server: DevServer;
let connection: TemporalConnection;
let worker: TurnWorker;
let engine: TurnEngine;

beforeAll(async () => {
  installTemporalRuntime(logger);
  server = await startTemporalServer(folder);
  connection = await connectTemporal({ address: server.address, namespace: 'default', embedded: true, logger });
  const entry = fileURLToPath(new URL('../support/engine-workflow.ts', import.meta.url));
  worker = await createTurnWorker({
    connection: connection.connection,
    namespace: 'default',
    taskQueue: TASK_QUEUE,
    bundlePath: await bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger, entry }),
    // The test's workflow has an activity of its own in place of the contract's.
    activities: { begun: async (turnId: string) => void begun.add(turnId) } as unknown as TurnActivities,
    shutdownGraceMs: 0,
    logger,
  });
  engine = createTurnEngine({
    client: connection.client,
    taskQueue: TASK_QUEUE,
    eagerStart: true,
    searchAttributes: true,
    logger,
  });
});

afterAll(async () => {
  await worker.stop();
  await connection.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface StartedTurn extends StartTurn {
  readonly turnId: string;
  readonly conversationId: string | null;
}

function aTurn(conversationId: string | null = null): StartedTurn {
  const turnId = `resp_${randomUUID().replaceAll('-', '')}`;
  return {
    turnId,
    input: { tenantId: 'default', turnId, conversationId, requestId: 'req_1', limits: DEFAULT_LIMITS, model: 'auto' },
    conversationId,
    agent: 'general',
    model: 'openai/gpt-4o',
    principalId: 'ada',
    summary: 'general · openai/gpt-4o',
  };
}

const aRef = (turnId: string, conversationId: string | null = null): TurnRef => ({
  tenantId: 'default',
  turnId,
  conversationId,
});
const refOf = (turn: StartedTurn): TurnRef => aRef(turn.turnId, turn.conversationId);
const aConversation = (): string => `conv_${randomUUID().replaceAll('-', '')}`;
const handleOf = (turn: StartedTurn) => connection.client.workflow.getHandle(turnWorkflowId(refOf(turn)));

async function started(conversationId: string | null = null): Promise<StartedTurn> {
  const turn = aTurn(conversationId);
  await engine.start(turn);
  await until(() => begun.has(turn.turnId), 'the workflow has begun');
  return turn;
}

async function finish(turn: StartedTurn): Promise<void> {
  await handleOf(turn).signal('finish');
  await until(async () => (await engine.describe(refOf(turn))).kind === 'ended', 'the workflow has ended');
}

describe('start', () => {
  it('new turn: -> a run with summary, memo and search attributes for operators', async () => {
    const turn = await started(aConversation());
    const run = await handleOf(turn).describe();
    expect(run.type).toBe('turn');
    expect(run.memo).toEqual({ turnId: turn.turnId });
    expect(await run.staticSummary()).toBe(turn.summary);
    const attributes = Object.fromEntries(
      run.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(attributes).toMatchObject({
      TurnstoneTenant: 'default',
      TurnstoneUser: await userHandle('default', 'ada'),
      TurnstoneConversation: turn.conversationId,
      TurnstoneAgent: 'general',
      TurnstoneModel: 'openai/gpt-4o',
    });
    expect(run.priority).toMatchObject({ fairnessKey: 'default' });
    await finish(turn);
  });

  it('worker in this process: -> the first workflow task comes back with the start', async () => {
    const turn = await started();
    const { events } = await handleOf(turn).fetchHistory();
    expect(events?.[0]?.workflowExecutionStartedEventAttributes?.eagerExecutionAccepted).toBe(true);
    await finish(turn);
  });

  it('same turn twice: while it runs -> one run', async () => {
    const turn = await started(aConversation());
    const runId = (await handleOf(turn).describe()).runId;
    await engine.start(turn);
    expect((await handleOf(turn).describe()).runId).toBe(runId);
    await finish(turn);
  });

  it('same turn many times at once: -> one run, no error', async () => {
    const turn = aTurn(aConversation());
    await Promise.all(Array.from({ length: 8 }, () => engine.start(turn)));
    const history = await handleOf(turn).fetchHistory();
    expect(history.events?.filter((event) => event.workflowExecutionStartedEventAttributes)).toHaveLength(1);
    await finish(turn);
  });

  it('another turn: while the conversation is busy -> conversation.busy, the first is untouched', async () => {
    const first = await started(aConversation());
    const second = aTurn(first.conversationId);
    await expect(engine.start(second)).rejects.toMatchObject({ code: 'conversation.busy' });
    expect(await engine.describe(refOf(first))).toEqual({ kind: 'running' });
    await finish(first);
    await engine.start(second);
    expect(await engine.describe(refOf(second))).toEqual({ kind: 'running' });
    await finish(second);
  });
});

describe('describe', () => {
  it('never started: -> absent', async () => {
    expect(await engine.describe(aRef('resp_none'))).toEqual({ kind: 'absent' });
  });

  it('started by a version before 0.2.0, under its id -> found and cancelled there', async () => {
    const turn = aTurn(aConversation());
    await connection.client.workflow.start('turn', {
      taskQueue: TASK_QUEUE,
      workflowId: olderTurnWorkflowId(turn.input),
      args: [turn.input],
      memo: { turnId: turn.turnId },
    });
    expect(await engine.describe(refOf(turn))).toEqual({ kind: 'running' });
    await engine.cancel(refOf(turn));
    await until(async () => (await engine.describe(refOf(turn))).kind === 'ended', 'the run has ended');
  });

  it('ended: completed, cancelled or terminated -> says which', async () => {
    const [completed, cancelled, terminated] = [await started(), await started(), await started()];
    await finish(completed);
    await engine.cancel(refOf(cancelled));
    await handleOf(terminated).terminate('an operator');
    const ending = (turn: StartedTurn) =>
      until(async () => {
        const state = await engine.describe(refOf(turn));
        return state.kind === 'ended' ? state.how : null;
      }, 'the run has ended');
    expect(await Promise.all([completed, cancelled, terminated].map(ending))).toEqual([
      'completed',
      'cancelled',
      'terminated',
    ]);
  });

  it("a later turn took the conversation's place: -> absent for the earlier", async () => {
    const first = await started(aConversation());
    await finish(first);
    const second = await started(first.conversationId);
    expect(await engine.describe(refOf(first))).toEqual({ kind: 'absent' });
    await finish(second);
  });
});

describe('cancel', () => {
  it('an earlier turn: after another took its place -> the later one goes on', async () => {
    const first = await started(aConversation());
    await finish(first);
    const second = await started(first.conversationId);
    await engine.cancel(refOf(first));
    const history = await handleOf(second).fetchHistory();
    expect(history.events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(false);
    await finish(second);
  });

  it('nothing to cancel: unknown or ended -> no error', async () => {
    await engine.cancel(aRef('resp_none'));
    const turn = await started();
    await finish(turn);
    await engine.cancel(refOf(turn));
  });
});

describe('progress', () => {
  it('running: -> what the workflow answers', async () => {
    const turn = await started();
    expect(await engine.progress(refOf(turn))).toMatchObject({ turnId: turn.turnId });
    await finish(turn);
  });

  it('ended, unknown, or of another turn: -> null', async () => {
    const turn = await started(aConversation());
    expect(await engine.progress(aRef('resp_other', turn.conversationId))).toBeNull();
    expect(await engine.progress(aRef('resp_none'))).toBeNull();
    await finish(turn);
    expect(await engine.progress(refOf(turn))).toBeNull();
  });
});

describe('engine away', () => {
  it('ping: the server is there -> latency and version', async () => {
    const { latencyMs, version } = await engine.ping();
    expect(latencyMs).toBeLessThan(5_000);
    expect(version).toMatch(/^\d+\.\d+/);
  });

  it('calls: the server stops answering -> engine.unavailable within the deadline', async () => {
    const proxy = await startSilentProxy(server.address);
    const away = await connectTemporal({ address: proxy.address, namespace: 'default', embedded: true, logger });
    const lost = createTurnEngine({
      client: away.client,
      taskQueue: TASK_QUEUE,
      eagerStart: false,
      searchAttributes: true,
      logger,
    });
    await lost.ping();
    proxy.swallow();
    const startedAt = Date.now();
    const calls = [lost.start(aTurn()), lost.cancel(aRef('resp_x')), lost.describe(aRef('resp_x')), lost.ping()];
    const outcomes = await Promise.allSettled(calls);
    expect(
      outcomes.map((outcome) =>
        outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'fulfilled',
      ),
    ).toEqual(Array.from({ length: 4 }, () => 'engine.unavailable'));
    expect(await lost.progress(aRef('resp_x'))).toBeNull();
    expect(Date.now() - startedAt).toBeLessThan(15_000);
    await away.close();
    await proxy.close();
  });

  it('connect: nobody listens -> server.cannot-start within the time limit, with the address', async () => {
    const connecting = connectTemporal({
      address: '127.0.0.1:1',
      namespace: 'default',
      embedded: false,
      logger,
      timeoutMs: 500,
    });
    await expect(connecting).rejects.toMatchObject({
      code: 'server.cannot-start',
      message: expect.stringContaining('127.0.0.1:1') as string,
    });
  });

  it('connect: a server of somebody else without our search attributes -> they are added and starts use them', async () => {
    const namespace = `ns-${randomUUID()}`;
    await connection.connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    const other = await connectTemporal({ address: server.address, namespace, embedded: false, logger });
    expect(other.searchAttributes).toBe(true);
    const outside = createTurnEngine({
      client: other.client,
      taskQueue: 'nobody',
      eagerStart: false,
      searchAttributes: true,
      logger,
    });
    const turn = aTurn();
    await until(
      () =>
        outside.start(turn).then(
          () => true,
          () => false,
        ),
      'the server knows the new search attributes',
    );
    expect(await outside.describe(refOf(turn))).toEqual({ kind: 'running' });
    await other.close();
  });

  it('connect: the namespace does not exist -> says which', async () => {
    const connecting = connectTemporal({
      address: server.address,
      namespace: 'nowhere',
      embedded: false,
      logger,
      timeoutMs: 1_000,
    });
    await expect(connecting).rejects.toThrow(/namespace nowhere/);
  });
});
