/**
 * When the workflow of an accepted turn starts. Most turns end within the time their head start is given: then the workflow
 * starts with the outcome and closes in its first task, which is a fraction of the engine's work. A turn that takes longer,
 * or leaves something to decide, starts as it is, and its activities adopt what runs.
 *
 * Nothing depends on the wait: the turn is committed, and one whose workflow never started is the sweeper's.
 */
import { isFailure, toError } from '../domain/failures.js';
import { pause } from '../domain/pause.js';
import type { Logger } from '../domain/ports/logger.js';
import type { StartTurn, TurnEngine } from '../domain/ports/turn-engine.js';
import type { RunningAhead, TurnStarter } from '../domain/ports/turn-starter.js';
import { turnWorkflowId } from '../domain/turn-contract.js';
import type { ClosedAhead } from '../domain/turn-contract.js';

/**
 * Longest time a turn runs without its workflow. A process that dies within it leaves the turn to the sweeper; operators see
 * it in Temporal that much later.
 */
const START_AFTER_MS = 2_000;
/** Starts on their way to the engine at once: more only wait for each other there, and take its time from running turns. */
const STARTS_AT_ONCE = 4;
/** With more turns than this waiting for their start, new ones wait before they are accepted. */
const BACKLOG = 100;
/**
 * Turns accepted at once. The embedded database is one connection: what else is asked of it waits behind these, and a
 * served one has ten.
 */
const ACCEPTS_AT_ONCE = 16;
/** An engine that is away must not keep turns out: they are answered, and their workflows come later. */
const MAX_WAIT_MS = 500;
/** Beyond this number starts are given up: the sweeper finds the turns that are open. */
const MAX_PENDING = 5_000;
/**
 * The workflow of the turn before may still be closing when the next message comes, and the engine may be away for a
 * moment. After these pauses the sweeper takes over.
 */
const START_PAUSES_MS = [25, 50, 100, 200, 400, 800, 1600, 3200];

export interface TurnStarterDeps {
  readonly engine: Pick<TurnEngine, 'start'>;
  readonly logger: Logger;
  readonly startAfterMs?: number;
}

export interface RunningTurnStarter extends TurnStarter {
  /** Starts everything that still waits, without waiting for head starts any longer; then resolves. */
  drain(): Promise<void>;
}

interface Starting {
  readonly deps: TurnStarterDeps;
  readonly slots: Slots;
  readonly draining: AbortController;
}

export function createTurnStarter(deps: TurnStarterDeps): RunningTurnStarter {
  const starting: Starting = { deps, slots: createSlots(STARTS_AT_ONCE), draining: new AbortController() };
  const door = createSlots(ACCEPTS_AT_ONCE);
  /** Workflow id -> its newest start: turns of a conversation start in the order they were accepted. */
  const chains = new Map<string, Promise<void>>();
  return {
    begin(turn, ahead) {
      const { turnId } = turn.input;
      const id = turnWorkflowId(turn.input);
      if (chains.size >= MAX_PENDING) {
        deps.logger.error({ turnId }, 'too many turns wait for their workflow; the sweeper will start this one');
        return;
      }
      const before = chains.get(id) ?? Promise.resolve();
      const started = before.then(() => startOne(starting, turn, ahead));
      chains.set(id, started);
      void started.finally(() => {
        if (chains.get(id) === started) chains.delete(id);
      });
    },
    admit: (accept) =>
      door.run(async () => {
        await starting.slots.below(BACKLOG, MAX_WAIT_MS);
        return accept();
      }),
    async drain() {
      starting.draining.abort();
      await Promise.allSettled(chains.values());
    },
  };
}

/** Never rejects. */
async function startOne(starting: Starting, turn: StartTurn, ahead: RunningAhead | null): Promise<void> {
  const outcome: { closed: ClosedAhead | null } = { closed: null };
  if (ahead !== null) {
    const ended = ahead.ended.then((closed) => {
      outcome.closed = closed;
    });
    await Promise.race([ended, pause(starting.deps.startAfterMs ?? START_AFTER_MS, starting.draining.signal)]);
  }
  for (const pauseMs of [...START_PAUSES_MS, null]) {
    const error = await starting.slots.run(() => tryStart(starting.deps, turn, ahead, outcome.closed));
    if (error === null) return;
    const passing = isFailure(error) && (error.code === 'conversation.busy' || error.code === 'engine.unavailable');
    if (!passing || pauseMs === null || starting.draining.signal.aborted) {
      const { turnId } = turn.input;
      starting.deps.logger.error(
        { err: error, turnId, ended: outcome.closed !== null },
        'the workflow of a turn could not be started; while the turn is open the sweeper will start it',
      );
      return;
    }
    await pause(pauseMs, starting.draining.signal);
  }
}

async function tryStart(
  { engine }: TurnStarterDeps,
  turn: StartTurn,
  ahead: RunningAhead | null,
  closed: ClosedAhead | null,
): Promise<Error | null> {
  try {
    if (closed === null) await engine.start(turn, 'here');
    else await engine.start({ ...turn, input: { ...turn.input, closed } }, 'here');
    if (closed !== null) ahead?.forget();
    return null;
  } catch (error) {
    return toError(error);
  }
}

interface Slots {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when fewer than `count` wait for a slot, or after `timeoutMs`. */
  below(count: number, timeoutMs: number): Promise<void>;
}

function createSlots(size: number): Slots {
  let free = size;
  const waiting: (() => void)[] = [];
  const atDoor = new Set<() => void>();
  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
    const [first] = atDoor;
    first?.();
  };
  return {
    async run(work) {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        release();
      }
    },
    async below(count, timeoutMs) {
      if (waiting.length < count) return;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          clearTimeout(timer);
          atDoor.delete(go);
          resolve();
        };
        const timer = setTimeout(go, timeoutMs);
        atDoor.add(go);
      });
    },
  };
}
