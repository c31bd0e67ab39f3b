/**
 * Proves when a turn's workflow starts: with its outcome when the head start ended it in time, as it is when it left
 * something or takes long; in order per conversation, few at once, and at once when the process stops.
 */
import { describe, expect, it } from 'vitest';
import { createTurnStarter } from '../../activities/turn-starter.js';
import type { RunningTurnStarter } from '../../activities/turn-starter.js';
import { failure } from '../../domain/failures.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { StartTurn } from '../../domain/ports/turn-engine.js';
import type { RunningAhead } from '../../domain/ports/turn-starter.js';
import type { ClosedAhead } from '../../domain/turn-contract.js';
import { initialTurnState } from '../../domain/turn-state.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { until } from '../support/until.js';

const CLOSED: ClosedAhead = { status: 'completed', state: { ...initialTurnState(0), step: 1 }, stages: [] };
/** No test waits that long: what starts by then starts for another reason. */
const NEVER_MS = 600_000;

function aStart(turnId: string, conversationId: string | null = null): StartTurn {
  const input = {
    tenantId: 'default',
    turnId,
    conversationId,
    requestId: 'r',
    model: 'fake/model',
    limits: DEFAULT_LIMITS,
  };
  return { input, agent: 'general', model: 'fake/model', principalId: 'p', summary: 's' };
}

interface Ahead extends RunningAhead {
  end(closed: ClosedAhead | null): void;
  readonly forgotten: () => boolean;
}

function anAhead(): Ahead {
  let end: (closed: ClosedAhead | null) => void = () => undefined;
  let forgotten = false;
  const ended = new Promise<ClosedAhead | null>((resolve) => {
    end = resolve;
  });
  return { ended, end: (closed) => end(closed), forget: () => (forgotten = true), forgotten: () => forgotten };
}

interface Bench {
  readonly starter: RunningTurnStarter;
  readonly started: StartTurn[];
  /** Lets starts go through that wait at the engine; by default none waits. */
  readonly gate: { hold: boolean; open(): void; waiting(): number };
  failNext(error: Error): void;
  readonly logged: () => number;
}

function aBench(startAfterMs = NEVER_MS): Bench {
  const started: StartTurn[] = [];
  const failures: Error[] = [];
  const held: (() => void)[] = [];
  const gate = { hold: false, open: () => held.shift()?.(), waiting: () => held.length };
  const { logger, lines } = createRecordingLogger();
  const engine = {
    async start(turn: StartTurn): Promise<void> {
      if (gate.hold) await new Promise<void>((resolve) => held.push(resolve));
      const error = failures.shift();
      if (error !== undefined) throw error;
      started.push(turn);
    },
  };
  const starter = createTurnStarter({ engine, logger, startAfterMs });
  return { starter, started, gate, failNext: (error) => void failures.push(error), logged: () => lines.length };
}

const ids = (started: readonly StartTurn[]): string[] => started.map(({ input }) => input.turnId);

describe('start of a workflow', () => {
  it('nothing runs ahead: at once, without an outcome', async () => {
    const bench = aBench();
    bench.starter.begin(aStart('a'), null);
    await until(() => bench.started.length === 1, 'the start');
    expect(bench.started[0]?.input.closed).toBeUndefined();
  });

  it('the head start ended the turn: with its outcome, and what was kept to be adopted is forgotten', async () => {
    const bench = aBench();
    const ahead = anAhead();
    bench.starter.begin(aStart('a'), ahead);
    expect(bench.started).toEqual([]);
    ahead.end(CLOSED);
    await until(() => bench.started.length === 1, 'the start');
    expect(bench.started[0]?.input.closed).toEqual(CLOSED);
    await until(ahead.forgotten, 'it is forgotten');
  });

  it('the head start left something: at once, as it is, and adopts', async () => {
    const bench = aBench();
    const ahead = anAhead();
    bench.starter.begin(aStart('a'), ahead);
    ahead.end(null);
    await until(() => bench.started.length === 1, 'the start');
    expect(bench.started[0]?.input.closed).toBeUndefined();
    expect(ahead.forgotten()).toBe(false);
  });

  it('the turn takes long: as it is, while the head start goes on', async () => {
    const bench = aBench(5);
    bench.starter.begin(aStart('a'), anAhead());
    await until(() => bench.started.length === 1, 'the start');
    expect(bench.started[0]?.input.closed).toBeUndefined();
  });

  it('a turn that ends while its start waits for others: starts with its outcome', async () => {
    const bench = aBench(1);
    bench.gate.hold = true;
    for (const id of ['a', 'b', 'c', 'd']) bench.starter.begin(aStart(id), null);
    await until(() => bench.gate.waiting() === 4, 'four starts at once');
    const ahead = anAhead();
    bench.starter.begin(aStart('e'), ahead);
    const begunMs = performance.now();
    await until(() => performance.now() > begunMs + 5, 'its own wait is over');
    expect(bench.gate.waiting()).toBe(4);
    ahead.end(CLOSED);
    bench.gate.hold = false;
    for (let index = 0; index < 4; index += 1) bench.gate.open();
    await until(() => bench.started.length === 5, 'all starts');
    expect(bench.started.find(({ input }) => input.turnId === 'e')?.input.closed).toEqual(CLOSED);
  });

  it('turns of one conversation: in the order they were accepted', async () => {
    const bench = aBench();
    const first = anAhead();
    bench.starter.begin(aStart('a', 'conv_1'), first);
    bench.starter.begin(aStart('b', 'conv_1'), null);
    bench.starter.begin(aStart('c', 'conv_2'), null);
    await until(() => bench.started.length === 1, 'the other conversation');
    first.end(CLOSED);
    await until(() => bench.started.length === 3, 'all starts');
    expect(ids(bench.started)).toEqual(['c', 'a', 'b']);
  });

  it('the engine is away for a moment: tried again', async () => {
    const bench = aBench();
    bench.failNext(failure('engine.unavailable', 'away'));
    bench.failNext(failure('conversation.busy', 'the one before is closing'));
    bench.starter.begin(aStart('a'), null);
    await until(() => bench.started.length === 1, 'the start');
  });

  it('an engine that refuses for good: said in the log, never thrown', async () => {
    const bench = aBench();
    bench.failNext(failure('server.internal', 'no'));
    bench.starter.begin(aStart('a'), null);
    await until(() => bench.logged() === 1, 'the line');
    expect(bench.started).toEqual([]);
  });

  it('a stop: what waits for its head start is started at once', async () => {
    const bench = aBench();
    bench.starter.begin(aStart('a'), anAhead());
    await bench.starter.drain();
    expect(ids(bench.started)).toEqual(['a']);
  });

  it('many starts wait: the door is held for a while, then opens', async () => {
    const bench = aBench();
    const accept = async (): Promise<string> => 'accepted';
    expect(await bench.starter.admit(accept)).toBe('accepted');
    bench.gate.hold = true;
    for (let index = 0; index < 110; index += 1) bench.starter.begin(aStart(`t${index}`), null);
    await until(() => bench.gate.waiting() === 4, 'four starts at once');
    let open = false;
    const admitted = bench.starter.admit(accept).then(() => (open = true));
    await Promise.resolve();
    expect(open).toBe(false);
    bench.gate.open();
    await admitted;
    expect(open).toBe(true);
  });

  it('a burst: a few are accepted at once, one that is refused makes room like the others', async () => {
    const bench = aBench();
    const inside: (() => void)[] = [];
    const accept = async (): Promise<void> => {
      await new Promise<void>((resolve) => inside.push(resolve));
      throw new Error('refused');
    };
    const all = Array.from({ length: 40 }, () =>
      bench.starter.admit(accept).catch((error: unknown) => (error as Error).message),
    );
    await until(() => inside.length === 16, 'sixteen at once');
    for (let done = 0; done < 40; done += 1) {
      await until(() => inside.length > 0, 'the next one');
      inside.shift()?.();
    }
    expect(await Promise.all(all)).toEqual(Array.from({ length: 40 }, () => 'refused'));
  });
});
