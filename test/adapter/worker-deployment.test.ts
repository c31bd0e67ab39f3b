/**
 * Proves worker versioning on a real server, with two builds of the workflows of which the second replays nothing of the
 * first: a turn ends on the build that began it, other work goes to the current build, nobody is promoted by starting, and
 * what a build leaves behind waits for it or goes on with its successor.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectTemporal } from '../../adapters/temporal/connect-temporal.js';
import type { TemporalConnection } from '../../adapters/temporal/connect-temporal.js';
import type { DevServer } from '../../adapters/temporal/start-dev-server.js';
import { runCommand } from '../../adapters/temporal/run-command.js';
import { installTemporalRuntime } from '../../adapters/temporal/temporal-runtime.js';
import { createTurnEngine } from '../../adapters/temporal/turn-engine.js';
import { createUndoEngine } from '../../adapters/temporal/undo-engine.js';
import { joinDeployment, leaveDeployment, requireVersioning } from '../../adapters/temporal/worker-deployment.js';
import { APPROVAL_DECIDED_SIGNAL } from '../../domain/approval-contract.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { DEFAULT_POLICY } from '../../domain/policy.js';
import type { StartTurn, TurnEngine } from '../../domain/ports/turn-engine.js';
import type { TurnActivities, TurnResult } from '../../domain/turn-contract.js';
import { turnWorkflowId } from '../../domain/turn-contract.js';
import { undoWorkflowId } from '../../domain/undo-contract.js';
import type { UndoInput } from '../../domain/undo-contract.js';
import { bundleWorkflows } from '../../workers/bundle-workflows.js';
import { createTurnWorker } from '../../workers/turn-worker.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { startTemporalServer, temporalBinary } from '../support/temporal-server.js';
import { TEST_CACHE_DIR } from '../support/test-cache.js';
import { shapeActivities } from '../support/turn-shapes.js';
import { until } from '../support/until.js';
import { callsResult, closedResult, plannedCall } from '../support/workflow-environment.js';

const { logger } = createRecordingLogger();
const folder = mkdtempSync(join(tmpdir(), 'turnstone-test-'));
let server: DevServer;
let operator: TemporalConnection;
let today: string;
let mutated: string;

beforeAll(async () => {
  installTemporalRuntime(logger);
  const entry = fileURLToPath(new URL('../support/mutated-turn.ts', import.meta.url));
  [server, today, mutated] = await Promise.all([
    startTemporalServer(folder),
    bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger }),
    bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger, entry }),
  ]);
  operator = await connect();
});
afterAll(async () => {
  await operator.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const connect = (): Promise<TemporalConnection> =>
  connectTemporal({ address: server.address, namespace: 'default', embedded: true, logger });

/** A deployment of a test's own, and what ran where in it. */
interface World {
  readonly deploymentName: string;
  readonly taskQueue: string;
  /** Build -> turns and effects whose activities it ran. */
  readonly ran: Map<string | null, Set<string>>;
}

function aWorld(): World {
  const id = randomUUID().slice(0, 8);
  return { deploymentName: `dep-${id}`, taskQueue: `queue-${id}`, ran: new Map() };
}

/** A process of the product as far as turns go: its connection, its worker, its engines. */
interface Process {
  readonly connection: TemporalConnection;
  readonly engine: TurnEngine;
  readonly warnings: readonly { readonly fields: Record<string, unknown> }[];
  readonly current: string | null;
  startUndo(effectId: string): Promise<void>;
  stop(): Promise<void>;
}

interface ProcessOptions {
  /** Null: no deployment is configured. */
  readonly buildId: string | null;
  readonly bundlePath?: string;
  readonly alone?: boolean;
}

/** Its turns ask for approval in their first step and end in their second. */
function activitiesOf(world: World, buildId: string | null): TurnActivities {
  const ran = world.ran.get(buildId) ?? new Set<string>();
  world.ran.set(buildId, ran);
  const activities = {
    ...shapeActivities({
      name: 'approval',
      activities: {
        callModel: async ({ step, turnId }) => {
          ran.add(turnId);
          const call = { approval: 'ask', argumentsHash: 'h', effect: 'unkeyed' } as const;
          return step === 1 ? callsResult([plannedCall(world.taskQueue, 0, call)]) : closedResult();
        },
      },
    }),
    undoEffect: async ({ effectId }: UndoInput) => {
      ran.add(effectId);
      return { status: 'undone' as const };
    },
    giveUpUndo: async () => undefined,
    // Of the changed workflow alone: a turn that ran it is a turn of the second build.
    begun: async (turnId: string) => void ran.add(`begun ${turnId}`),
  };
  return activities;
}

async function startProcess(world: World, options: ProcessOptions): Promise<Process> {
  const { deploymentName, taskQueue } = world;
  const { buildId, bundlePath = today, alone = false } = options;
  const version = buildId === null ? null : { deploymentName, buildId };
  const recording = createRecordingLogger();
  const connection = await connect();
  const place = { engine: connection, taskQueue, alone, logger: recording.logger };
  if (version === null) await leaveDeployment(place);
  else await requireVersioning(connection, deploymentName);
  const worker = await createTurnWorker({
    connection: connection.connection,
    namespace: 'default',
    taskQueue,
    bundlePath,
    activities: activitiesOf(world, buildId),
    shutdownGraceMs: 0,
    ...(version === null ? {} : { version }),
    logger,
  });
  const stop = async (): Promise<void> => {
    await worker.stop();
    await connection.close();
  };
  const current = version === null ? null : await joinDeployment({ ...place, version });
  const { client } = connection;
  const undo = createUndoEngine({ client, taskQueue });
  return {
    connection,
    engine: createTurnEngine({ client, taskQueue, eagerStart: true, searchAttributes: true, version, logger }),
    warnings: recording.lines.filter((line) => line.level === 'warn'),
    current,
    startUndo: async (effectId) => {
      await undo.startUndo({ ...ids('resp_of_effect'), effectId, tool: 'book_room', timeoutMs: 1_000 });
    },
    stop,
  };
}

/** For a process that the test does not stop itself. */
async function started(world: World, options: ProcessOptions): Promise<Process> {
  const process = await startProcess(world, options);
  onTestFinished(() => process.stop());
  return process;
}

function ids(turnId: string): { tenantId: string; turnId: string; conversationId: null; requestId: string } {
  return { tenantId: 'default', turnId, conversationId: null, requestId: 'req_1' };
}

function aTurn(): StartTurn & { readonly turnId: string } {
  const turnId = `resp_${randomUUID().replaceAll('-', '')}`;
  const input = { ...ids(turnId), limits: DEFAULT_LIMITS, model: 'fake/model', policy: DEFAULT_POLICY };
  return { turnId, input, agent: 'general', model: 'fake/model', principalId: 'p', summary: 'a turn' };
}

const handleOf = (turnId: string): ReturnType<TemporalConnection['client']['workflow']['getHandle']> =>
  operator.client.workflow.getHandle(turnWorkflowId(ids(turnId)));

async function begin(engine: TurnEngine, where?: 'here'): Promise<string> {
  const turn = aTurn();
  await engine.start(turn, where);
  return turn.turnId;
}

const ranOn = (world: World, id: string): (string | null)[] =>
  [...world.ran].filter(([, ran]) => ran.has(id)).map(([build]) => build);

const hasBegun = (world: World, turnId: string): Promise<unknown> =>
  until(() => ranOn(world, turnId).length > 0, `turn ${turnId} has begun`);

async function decide(turnId: string): Promise<void> {
  await handleOf(turnId).signal(APPROVAL_DECIDED_SIGNAL, ['appr_0']);
}

async function statusAfterDecision(turnId: string): Promise<TurnResult['status']> {
  await decide(turnId);
  return ((await handleOf(turnId).result()) as TurnResult).status;
}

/** The commands of docs/operators.md, as an operator gives them. */
async function temporal(...args: readonly string[]): Promise<void> {
  const { ok, output } = await runCommand(await temporalBinary(), [...args, '--address', server.address, '--yes'], {
    timeoutMs: 20_000,
  });
  if (!ok) throw new Error(output);
}

const promote = ({ deploymentName }: World, buildId: string): Promise<void> =>
  temporal('worker', 'deployment', 'set-current-version', '--deployment-name', deploymentName, '--build-id', buildId);

const moveTo = ({ deploymentName }: World, buildId: string): Promise<void> =>
  temporal(
    ...['workflow', 'update-options', '--versioning-override-behavior', 'auto_upgrade', '--query'],
    `ExecutionStatus = "Running" AND TemporalWorkerDeployment = "${deploymentName}" AND TemporalWorkerDeploymentVersion != "${deploymentName}:${buildId}"`,
  );

describe('worker deployment', () => {
  it('first start: two processes of a build at once -> it is current, for both; again -> stays so', async () => {
    const world = aWorld();
    const both = await Promise.all([started(world, { buildId: 'A' }), started(world, { buildId: 'A' })]);
    expect(both.map((process) => process.current)).toEqual(['A', 'A']);
    expect((await started(world, { buildId: 'A' })).current).toBe('A');
  });

  it('first start: two builds at once -> one of them is current, and both know which', async () => {
    const world = aWorld();
    const both = await Promise.all([started(world, { buildId: 'A' }), started(world, { buildId: 'B' })]);
    const [current] = both.map((process) => process.current);
    expect(['A', 'B']).toContain(current);
    expect(both.map((process) => process.current)).toEqual([current, current]);
  });

  it('a changed build beside: -> not promoted; once it is, turns end where they began and other work goes to it', async () => {
    const world = aWorld();
    const older = await started(world, { buildId: 'A' });
    const before = await begin(older.engine, 'here');
    await hasBegun(world, before);
    const newer = await started(world, { buildId: 'B', bundlePath: mutated });
    expect(newer.current).toBe('A');
    expect(newer.warnings.map((line) => line.fields['command'])).toEqual([
      `temporal worker deployment set-current-version --deployment-name ${world.deploymentName} --build-id B`,
    ]);
    // Nobody has begun it: it is the current build's, whoever starts it.
    const unplaced = await begin(newer.engine);
    await hasBegun(world, unplaced);

    await promote(world, 'B');
    const there = await begin(newer.engine, 'here');
    const swept = await begin(older.engine);
    // The process that accepts a turn has its head start and its readers: the turn stays with it.
    const here = await begin(older.engine, 'here');
    await older.startUndo('tc_1');
    await operator.client.workflow.getHandle(undoWorkflowId('default', 'tc_1')).result();
    for (const turnId of [there, swept, here]) await hasBegun(world, turnId);

    const all = [before, unplaced, there, swept, here];
    const statuses = await Promise.all(all.map(statusAfterDecision));
    expect(statuses).toEqual(all.map(() => 'completed'));
    expect(all.map((turnId) => ranOn(world, turnId))).toEqual([['A'], ['A'], ['B'], ['B'], ['A']]);
    expect(all.map((turnId) => ranOn(world, `begun ${turnId}`))).toEqual([[], [], ['B'], ['B'], []]);
    expect(ranOn(world, 'tc_1')).toEqual(['B']);
  });

  it('the last worker of a build stops: -> its turns wait, untouched by the current build, until one is back', async () => {
    const world = aWorld();
    const older = await startProcess(world, { buildId: 'A' });
    const turnId = await begin(older.engine, 'here');
    await hasBegun(world, turnId);
    await older.stop();
    const newer = await started(world, { buildId: 'B', bundlePath: mutated });
    await promote(world, 'B');
    await decide(turnId);
    // A turn that came later has ended on the new build: its worker is at work, and would have taken the other one by now.
    const later = await begin(newer.engine);
    await hasBegun(world, later);
    expect(await statusAfterDecision(later)).toBe('completed');
    const { status, raw } = await handleOf(turnId).describe();
    expect([status.name, raw.pendingWorkflowTask?.attempt]).toEqual(['RUNNING', 1]);
    await started(world, { buildId: 'A' });
    expect(((await handleOf(turnId).result()) as TurnResult).status).toBe('completed');
    expect(ranOn(world, turnId)).toEqual(['A']);
  });

  it('turns of a build that does not come back: the operator moves them -> they end on the current build', async () => {
    const world = aWorld();
    const older = await startProcess(world, { buildId: 'A' });
    const turnId = await begin(older.engine, 'here');
    await hasBegun(world, turnId);
    await older.stop();
    await started(world, { buildId: 'C' });
    await promote(world, 'C');
    await decide(turnId);
    await moveTo(world, 'C');
    expect(((await handleOf(turnId).result()) as TurnResult).status).toBe('completed');
    expect(ranOn(world, turnId)).toEqual(['A', 'C']);
  });

  it('another build starts on a server of its own: -> is current, and takes over what the gone build left', async () => {
    const world = aWorld();
    const older = await startProcess(world, { buildId: 'A', alone: true });
    const turnId = await begin(older.engine, 'here');
    await hasBegun(world, turnId);
    await older.stop();
    const newer = await started(world, { buildId: 'C', alone: true });
    expect(newer.current).toBe('C');
    expect(await statusAfterDecision(turnId)).toBe('completed');
    expect(ranOn(world, turnId)).toEqual(['A', 'C']);
  });

  it('the deployment is no longer configured, on a server of its own: -> its turns and new ones run without versions', async () => {
    const world = aWorld();
    const versioned = await startProcess(world, { buildId: 'A', alone: true });
    const turnId = await begin(versioned.engine, 'here');
    await hasBegun(world, turnId);
    await versioned.stop();
    const plain = await started(world, { buildId: null, alone: true });
    expect(await statusAfterDecision(turnId)).toBe('completed');
    const fresh = await begin(plain.engine);
    await hasBegun(world, fresh);
    expect(await statusAfterDecision(fresh)).toBe('completed');
    expect([ranOn(world, turnId), ranOn(world, fresh)]).toEqual([['A', null], [null]]);
  });

  it("the deployment is no longer configured, on somebody else's server: -> nothing is changed, the command is said", async () => {
    const world = aWorld();
    const versioned = await started(world, { buildId: 'A' });
    const plain = await started(world, { buildId: null });
    expect(plain.warnings.map((line) => line.fields['command'])).toEqual([
      `temporal worker deployment set-current-version --deployment-name ${world.deploymentName} --unversioned`,
    ]);
    const turnId = await begin(versioned.engine);
    await hasBegun(world, turnId);
    expect(await statusAfterDecision(turnId)).toBe('completed');
    expect(ranOn(world, turnId)).toEqual(['A']);
  });
});
