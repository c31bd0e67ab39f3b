/**
 * One turn under one schedule: the product's own loop, steps, tool calls and closing over stores in memory. The schedule decides
 * whose next call goes through, what the model answers, and when an attempt is overtaken, a process dies with its event log, or
 * somebody cancels.
 */
import type { ActivityDeps, StopReason } from '../../activities/activity-deps.js';
import { finishTurn } from '../../activities/finish-turn.js';
import { runModelStep } from '../../activities/model-step.js';
import { runToolCall } from '../../activities/tool-run.js';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { isTerminalEvent } from '../../domain/event.js';
import type { TurnEvent } from '../../domain/event.js';
import { isFailure, ruleOf, toError } from '../../domain/failures.js';
import type { EventLog } from '../../domain/ports/event-log.js';
import type { LanguageModel, ModelChunk } from '../../domain/ports/model.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import { toResponseResource } from '../../domain/response-resource.js';
import type { ToolEffect } from '../../domain/tool.js';
import type { TurnIds } from '../../domain/turn-contract.js';
import { initialTurnState } from '../../domain/turn-state.js';
import type { TurnRecord } from '../../domain/turn.js';
import { runTurnLoop } from '../../workflows/turn-loop.js';
import { aFakeTool, noMetrics } from '../support/api-fakes.js';
import { createInMemoryCredentials } from '../support/in-memory-credentials.js';
import { createInMemoryApprovalStore } from '../support/in-memory-approvals.js';
import { createInMemoryBudgetStore } from '../support/in-memory-budgets.js';
import { createInMemoryEffectStore } from '../support/in-memory-effects.js';
import { createInMemoryFileStore } from '../support/in-memory-stores.js';
import { createMemoryTables } from '../support/in-memory-stores-tables.js';
import type { MemoryTables } from '../support/in-memory-stores-tables.js';
import { createInMemoryTurnStore } from '../support/in-memory-stores-turns.js';
import { aScope } from '../support/scope-builders.js';
import { silentLogger } from '../support/silent-logger.js';
import { aNewTurn, theSettings } from '../support/turn-builders.js';
import { scriptedAnswer } from './scripted-answer.js';
import type { Tape } from './tape.js';
import { installVirtualClock } from './virtual-clock.js';
import type { VirtualClock } from './virtual-clock.js';
import { createVirtualScheduler, gatedPort } from './virtual-scheduler.js';
import type { Actor, VirtualScheduler } from './virtual-scheduler.js';

export const LIMITS = { maxSteps: 4, maxToolCalls: 6, maxParallelCalls: 3 };
const SCOPE = aScope();
/** More of them than any schedule needs; a schedule that does not end is a defect. */
const MAX_PASSES = 2_000;
const MAX_FAULTS = 4;
const EFFECTS: readonly ToolEffect[] = ['read', 'keyed', 'unkeyed'];

/** What happened outside: every run of a tool, by its place in the turn. */
export interface EffectEntry {
  readonly key: string;
  readonly effect: ToolEffect;
}

export interface World {
  readonly tape: Tape;
  readonly scheduler: VirtualScheduler;
  readonly tables: MemoryTables;
  readonly turn: TurnRecord;
  readonly effects: EffectEntry[];
  /** What a reader got that stays connected as long as it can and resumes after its last number. */
  readonly read: TurnEvent[];
  events: EventLog;
  readonly modelCalls: { count: number };
  /** Attempts under way, and how the engine learns that it hears nothing of one any more. */
  readonly actors: Map<Actor, () => void>;
  /** Attempts that may still do something, overtaken ones among them. */
  readonly living: Set<Actor>;
  cancelled: boolean;
  readonly stops: Set<AbortController>;
}

export async function createWorld(tape: Tape): Promise<World> {
  const tables = createMemoryTables();
  const pinned = EFFECTS.map((effect) => ({ name: effect, schemaHash: aFakeTool(effect).schemaHash }));
  const settings = theSettings({ tools: pinned });
  const limits = { ...settings.limits, ...LIMITS };
  const { turn } = await createInMemoryTurnStore(tables).accept(SCOPE, aNewTurn({ settings: { ...settings, limits } }));
  const world: World = {
    tape,
    scheduler: createVirtualScheduler(),
    tables,
    turn,
    effects: [],
    read: [],
    events: createMemoryEventLog(),
    modelCalls: { count: 0 },
    actors: new Map(),
    living: new Set(),
    cancelled: false,
    stops: new Set(),
  };
  await world.events.open(refOf(world), { firstSequence: 0, snapshot: toResponseResource(turn, []) });
  startReader(world);
  return world;
}

const refOf = ({ turn }: World): { tenantId: string; turnId: string } => ({
  tenantId: SCOPE.tenantId,
  turnId: turn.id,
});

function startReader(world: World): void {
  const { events } = world;
  // A client that has the terminal event does not come back.
  if (world.read.some(isTerminalEvent)) return;
  const after = world.read.at(-1)?.sequence_number ?? -1;
  const signal = new AbortController().signal;
  void (async () => {
    for await (const event of events.read(refOf(world), { after, signal })) {
      // The log of a process that died says nothing more.
      if (world.events !== events) return;
      world.read.push(event);
    }
  })();
}

function depsOf(world: World, actor: Actor): ActivityDeps {
  const { scheduler, tape } = world;
  const model: LanguageModel = {
    name: 'fake/model',
    provider: 'fake',
    contextWindow: 1_000_000,
    prices: null,
    demo: false,
    async *stream(_request, signal): AsyncGenerator<ModelChunk> {
      world.modelCalls.count += 1;
      for (const chunk of scriptedAnswer(tape, signal)) yield await scheduler.gate(actor, chunk);
    },
  };
  return {
    turns: gatedPort(scheduler, actor, createInMemoryTurnStore(world.tables)),
    approvals: gatedPort(scheduler, actor, createInMemoryApprovalStore(world.tables)),
    budgets: gatedPort(scheduler, actor, createInMemoryBudgetStore(world.tables)),
    effects: createInMemoryEffectStore(world.tables),
    files: createInMemoryFileStore(),
    credentials: createInMemoryCredentials(),
    events: gatedPort(scheduler, actor, world.events, new Set(['onCancel', 'read'])),
    models: { list: () => [model], resolve: () => [model.name], get: () => model, health: () => [] },
    tools: EFFECTS.map((effect) => toolOf(world, actor, effect)),
    egress: { fetch: () => Promise.reject(new Error('no network here')) },
    logger: silentLogger,
    metrics: noMetrics,
    toolTaskQueue: 'tools',
    beginNext: async () => undefined,
  };
}

function toolOf(world: World, actor: Actor, effect: ToolEffect): Tool {
  return aFakeTool(effect, {
    effect,
    approval: 'never',
    async invoke(_input, context) {
      await world.scheduler.gate(actor, async () => {
        world.effects.push({ key: context.idempotencyKey, effect });
      });
      if (world.tape.rarely(8)) throw new Error('the tool says no');
      return world.scheduler.gate(actor, async () => ({ text: `${effect} done` }));
    },
  });
}

/** One activity as the engine sees it: attempts until one ends, whatever becomes of the earlier ones. */
async function activity<T>(
  world: World,
  name: string,
  work: (deps: ActivityDeps, run: { signal: AbortSignal; engineAttempt: number }) => Promise<T>,
): Promise<T> {
  for (let engineAttempt = 1; ; engineAttempt += 1) {
    const actor: Actor = { name: `${name}#${engineAttempt}`, stopped: false };
    const stop = new AbortController();
    world.living.add(actor);
    if (world.cancelled) stop.abort('cancel' satisfies StopReason);
    world.stops.add(stop);
    const outcome = await Promise.race([
      work(depsOf(world, actor), { signal: stop.signal, engineAttempt }).then(
        (result) => ({ kind: 'done' as const, result }),
        (error: unknown) => ({ kind: 'failed' as const, error: toError(error) }),
      ),
      new Promise<{ kind: 'lost' }>((resolve) => {
        world.actors.set(actor, () => resolve({ kind: 'lost' }));
      }),
    ]);
    world.actors.delete(actor);
    world.stops.delete(stop);
    if (outcome.kind === 'done') return outcome.result;
    if (outcome.kind === 'failed' && !mayRetry(outcome.error, engineAttempt)) throw outcome.error;
  }
}

function mayRetry(error: Error, attempt: number): boolean {
  if (!isFailure(error)) return attempt < 3;
  return error.code === 'turn.stale-attempt' ? attempt < 6 : ruleOf(error.code).retryable && attempt < 3;
}

export async function playTurn(world: World): Promise<void> {
  const clock = installVirtualClock();
  try {
    await playSchedule(world, clock);
  } finally {
    clock.restore();
  }
}

async function playSchedule(world: World, clock: VirtualClock): Promise<void> {
  const ids: TurnIds = { ...refOf(world), conversationId: null, requestId: 'req_1' };
  const turn = { over: false };
  const ended = runLoop(world, ids)
    .catch((error: unknown) => settle(world, toError(error)))
    .finally(() => {
      turn.over = true;
    });
  let faults = 0;
  for (let passes = 0; !turn.over || world.scheduler.waiting() > 0; passes += 1) {
    if (passes > MAX_PASSES) throw new Error('the schedule does not end');
    if (faults < MAX_FAULTS && !turn.over && world.tape.rarely(12)) {
      faults += 1;
      injectFault(world);
    }
    // Longer than the event writer holds deltas back, or no time at all.
    clock.advance(world.tape.choose(2) * 30);
    await world.scheduler.pass(world.tape.choose(Math.max(1, world.scheduler.waiting())));
  }
  await ended;
}

function runLoop(world: World, ids: TurnIds): Promise<unknown> {
  const { limits } = world.turn.settings;
  return runTurnLoop({ limits, policy: null }, initialTurnState(0), {
    nowMs: () => 0,
    callModel: (step, remainingMs, wrapUp) =>
      activity(world, `step ${step}`, (deps, run) =>
        runModelStep(
          deps,
          SCOPE,
          { ...ids, step, remainingMs, ...(wrapUp === null ? {} : { wrapUp }) },
          { ...run, log: silentLogger },
          null,
        ),
      ),
    runTool: (step, { callIndex }, remainingMs, { refused }) =>
      activity(world, `step ${step} call ${callIndex}`, (deps, run) =>
        runToolCall(
          deps,
          SCOPE,
          { ...ids, step, callIndex, remainingMs, ...(refused === null ? {} : { refused }) },
          { ...run, log: silentLogger },
        ),
      ),
    openApprovals: async () => [],
    close: (ending) => finish(world, { ...ending, error: null }),
    shouldContinueAsNew: () => false,
    changed: () => undefined,
  });
}

function finish(world: World, ending: Parameters<typeof finishTurn>[3]): Promise<void> {
  return activity(world, 'finish', (deps) => finishTurn(deps, SCOPE, world.turn.id, ending));
}

function settle(world: World, error: Error): Promise<void> {
  if (world.cancelled) return finish(world, { status: 'cancelled', incompleteReason: null, error: null });
  const code = isFailure(error) ? error.code : 'server.internal';
  return finish(world, { status: 'failed', incompleteReason: null, error: { code, message: error.message } });
}

/** An attempt the engine gives up although it lives; a process that dies with its log; a person who stops it. */
function injectFault(world: World): void {
  const kind = world.tape.choose(3);
  if (kind === 0) {
    const giveUp = [...world.actors.values()];
    giveUp[world.tape.choose(Math.max(1, giveUp.length))]?.();
  } else if (kind === 1) {
    // Overtaken attempts too: they live in the same process.
    for (const actor of world.living) actor.stopped = true;
    world.living.clear();
    for (const giveUp of world.actors.values()) giveUp();
    world.events = createMemoryEventLog();
    startReader(world);
  } else {
    world.cancelled = true;
    for (const stop of world.stops) stop.abort('cancel' satisfies StopReason);
  }
}
