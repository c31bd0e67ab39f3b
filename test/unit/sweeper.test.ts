/** Proves what the sweeper does with a turn that is open in the store, by what the engine knows of it. */
import { describe, expect, it } from 'vitest';
import { createSweeper } from '../../activities/sweeper.js';
import { failure } from '../../domain/failures.js';
import type { UndoEngine } from '../../domain/ports/undo-engine.js';
import type { EngineState, StartTurn, TurnEngine } from '../../domain/ports/turn-engine.js';
import { anAcceptedTurn, benchScope as scope } from '../support/activity-bench.js';
import type { ActivityBench } from '../support/activity-bench.js';

interface Swept {
  readonly bench: ActivityBench;
  readonly started: readonly StartTurn[];
  readonly changed: number;
}

async function sweptWith(state: EngineState | Error, startError?: Error): Promise<Swept> {
  const bench = await anAcceptedTurn([]);
  const { turn } = bench;
  const started: StartTurn[] = [];
  const engine: TurnEngine = {
    start: async (start) => {
      if (startError !== undefined) throw startError;
      started.push(start);
    },
    describe: async () => {
      if (state instanceof Error) throw state;
      return state;
    },
    cancel: async () => true,
    tellDecided: async () => true,
    progress: async () => null,
    ping: async () => ({ latencyMs: 1, version: 'fake' }),
  };
  // Turns younger than the grace are left alone: this one has been open for a while.
  const { id: turnId, conversationId, requestId, settings, createdAtMs, tenantId, principalId } = turn;
  const listOpen = async (): Promise<object[]> => [
    { turnId, conversationId, requestId, settings, createdAtMs, tenantId, principalId },
  ];
  const turns = { ...bench.deps.turns, listOpen, purgeUnstored: async () => 0 } as typeof bench.deps.turns;
  const changed = await createSweeper({ ...bench.deps, turns, engine, undoEngine }).sweep();
  return { bench, started, changed };
}

/** Of turns only: undos have a file of their own. */
const undoEngine: UndoEngine = { startUndo: () => Promise.reject(new Error('no undo was asked for')) };

const storedIn = async ({ bench }: Swept): Promise<unknown> => bench.deps.turns.get(scope, bench.turn.id);

describe('sweeper', () => {
  it('a workflow that runs: left alone', async () => {
    const swept = await sweptWith({ kind: 'running' });
    expect(swept).toMatchObject({ changed: 0, started: [] });
    expect(await storedIn(swept)).toMatchObject({ status: 'in_progress' });
  });

  it('no workflow: started again with the turn’s own limits and request', async () => {
    const swept = await sweptWith({ kind: 'absent' });
    const { turn } = swept.bench;
    expect(swept.changed).toBe(1);
    expect(swept.started).toMatchObject([
      { input: { turnId: turn.id, requestId: turn.requestId, limits: turn.settings.limits }, agent: 'general' },
    ]);
    expect(await storedIn(swept)).toMatchObject({ status: 'in_progress' });
  });

  it('no workflow, but the conversation’s last one still closes: tried again at the next sweep', async () => {
    const swept = await sweptWith({ kind: 'absent' }, failure('conversation.busy', 'still closing'));
    expect(swept.changed).toBe(0);
    expect(await storedIn(swept)).toMatchObject({ status: 'in_progress' });
  });

  it.each([
    ['terminated', { status: 'failed', error: { code: 'turn.terminated' } }],
    ['timed_out', { status: 'failed', error: { code: 'turn.lost' } }],
    ['failed', { status: 'failed', error: { code: 'turn.lost' } }],
    ['cancelled', { status: 'cancelled', error: null }],
  ] as const)('a workflow that ended as %s: the turn is closed and its stream ends', async (how, expected) => {
    const swept = await sweptWith({ kind: 'ended', how });
    expect(await storedIn(swept)).toMatchObject(expected);
    const log = await swept.bench.deps.events.state({ tenantId: scope.tenantId, turnId: swept.bench.turn.id });
    expect(log?.ended).toBe(true);
  });

  it('the engine cannot be asked: nothing is closed', async () => {
    await expect(sweptWith(failure('engine.unavailable', 'away'))).rejects.toMatchObject({
      code: 'engine.unavailable',
    });
  });

  it('more turns run than fit on a page: an orphan behind them is found', async () => {
    const bench = await anAcceptedTurn([]);
    const open = Array.from({ length: 450 }, (_, index) => ({ ...bench.turn, turnId: `resp_${index}` }));
    const started: string[] = [];
    const engine = {
      describe: async ({ turnId }: { turnId: string }): Promise<EngineState> => ({
        kind: turnId === 'resp_449' ? 'absent' : 'running',
      }),
      start: async ({ input }: StartTurn) => void started.push(input.turnId),
    } as unknown as TurnEngine;
    const listOpen = async (_age: number, limit: number, after: { turnId: string } | null): Promise<object[]> => {
      const from = open.findIndex(({ turnId }) => turnId === after?.turnId) + 1;
      return open.slice(from, from + limit);
    };
    const turns = { ...bench.deps.turns, listOpen, purgeUnstored: async () => 0 } as typeof bench.deps.turns;
    expect(await createSweeper({ ...bench.deps, turns, engine, undoEngine }).sweep()).toBe(1);
    expect(started).toEqual(['resp_449']);
  });

  it('turns that wait: a queue behind nothing is begun; a turn that was interrupted is asked again to stop', async () => {
    const bench = await anAcceptedTurn([]);
    const { tenantId } = bench.turn;
    const begun: string[] = [];
    const stopped: string[] = [];
    const next = { turn: bench.turn, claim: { attempt: 1, firstSequence: 0, committed: null }, startedAtMs: 0 };
    const turns = {
      ...bench.deps.turns,
      listOpen: async () => [],
      listStranded: async () => [
        { tenantId, turnId: 'resp_a', conversationId: 'conv_a', interrupts: null },
        { tenantId, turnId: 'resp_b', conversationId: 'conv_b', interrupts: 'resp_running' },
      ],
      beginNext: async (_scope: unknown, conversationId: string) => (conversationId === 'conv_a' ? next : null),
      purgeUnstored: async () => 0,
    } as typeof bench.deps.turns;
    const engine = {
      cancel: async ({ turnId }: { turnId: string }) => {
        stopped.push(turnId);
        return true;
      },
    } as unknown as TurnEngine;
    const beginNext = async ({ turn }: { turn: { id: string } }): Promise<void> => {
      begun.push(turn.id);
    };
    const unsubscribe = bench.deps.events.onCancel({ tenantId, turnId: 'resp_running' }, () => stopped.push('fast'));
    expect(await createSweeper({ ...bench.deps, turns, engine, undoEngine, beginNext }).sweep()).toBe(1);
    unsubscribe();
    expect(begun).toEqual([bench.turn.id]);
    expect(stopped).toEqual(['fast', 'resp_running']);
  });

  it('right after a start: turns of any age are looked at; later ones only past their first seconds', async () => {
    const bench = await anAcceptedTurn([]);
    const ages: number[] = [];
    const listOpen = async (age: number): Promise<never[]> => {
      ages.push(age);
      return [];
    };
    const turns = { ...bench.deps.turns, listOpen, purgeUnstored: async () => 0 } as typeof bench.deps.turns;
    const sweeper = createSweeper({ ...bench.deps, turns, engine: {} as TurnEngine, undoEngine });
    sweeper.start(60_000, true);
    await sweeper.stop();
    await sweeper.sweep();
    expect(ages[0]).toBe(0);
    expect(ages[1]).toBeGreaterThan(0);
  });
});
