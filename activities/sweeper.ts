/**
 * The sweeper: finds turns that are open in the store but have no workflow that would end them. One without a workflow is
 * started again; one whose workflow an operator ended, or the engine lost, is closed as failed; one that waits for nothing
 * is begun. Within 60 s, whatever died. Decisions that were not heard and undos that were not started are sent again.
 */
import { isFailure, toFailure } from '../domain/failures.js';
import type { TurnEngine } from '../domain/ports/turn-engine.js';
import type { UndoEngine } from '../domain/ports/undo-engine.js';
import type { OpenTurn, StrandedTurn, TurnEnding } from '../domain/ports/turn-store.js';
import { internalScope } from '../domain/scope.js';
import { toStartTurn } from '../domain/turn-start.js';
import type { ActivityDeps } from './activity-deps.js';
import { finishTurn } from './finish-turn.js';
import { resendDecisions } from './resend-decisions.js';
import { sweepUndos } from './sweep-undos.js';

/** Younger turns may be between their commit and the start of their workflow. */
const MIN_AGE_MS = 5_000;
const SECOND_LOOK_MS = 500;
const BATCH = 200;
/** More open turns than this belong to more processes than one sweeper; the rest is the next sweep's. */
const MAX_PAGES = 100;
/** Turns sent with `store: false` are kept this long after their end, for clients that reconnect. */
const UNSTORED_KEPT_MS = 60 * 60_000;

export interface SweeperDeps extends Pick<
  ActivityDeps,
  'turns' | 'credentials' | 'approvals' | 'effects' | 'tools' | 'events' | 'metrics' | 'logger' | 'beginNext'
> {
  readonly engine: TurnEngine;
  readonly undoEngine: UndoEngine;
}

export interface Sweeper {
  /** @returns how many turns were started again or closed. */
  sweep(minAgeMs?: number): Promise<number>;
  /** @param alone no other process accepts turns: what is open at the start is left over, however young. */
  start(intervalMs: number, alone: boolean): void;
  stop(): Promise<void>;
}

export function createSweeper(deps: SweeperDeps): Sweeper {
  let timer: NodeJS.Timeout | null = null;
  let second: NodeJS.Timeout | null = null;
  let current: Promise<unknown> = Promise.resolve();

  const sweep = async (minAgeMs = MIN_AGE_MS): Promise<number> => {
    const changed = await sweepAll(deps, minAgeMs);
    await resendDecisions(deps);
    await deps.approvals.expireAbandoned(BATCH);
    await sweepUndos(deps, minAgeMs);
    await deps.turns.purgeUnstored(Date.now() - UNSTORED_KEPT_MS, BATCH);
    await deps.credentials.purgeEnded(BATCH);
    return changed;
  };
  let sweeping = false;
  const tick = (minAgeMs?: number): void => {
    // One that takes longer than the interval is not joined by another.
    if (sweeping) return;
    sweeping = true;
    current = sweep(minAgeMs)
      .catch((error: unknown) => {
        deps.logger.warn(
          { err: error, code: toFailure(error).code },
          'sweep failed; it is tried again at the next interval',
        );
      })
      .finally(() => {
        sweeping = false;
      });
  };

  return {
    sweep,
    start(intervalMs, alone) {
      timer ??= setInterval(() => tick(), intervalMs);
      tick(alone ? 0 : MIN_AGE_MS);
      // What another process left a moment ago is old enough then.
      second ??= setTimeout(() => tick(), MIN_AGE_MS + SECOND_LOOK_MS);
    },
    async stop() {
      if (timer !== null) clearInterval(timer);
      if (second !== null) clearTimeout(second);
      timer = null;
      second = null;
      await current;
    },
  };
}

/** Page by page: turns that run for long must not hide an orphan behind them. */
async function sweepAll(deps: SweeperDeps, minAgeMs: number): Promise<number> {
  let changed = 0;
  let last: OpenTurn | null = null;
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const turns: readonly OpenTurn[] = await deps.turns.listOpen(minAgeMs, BATCH, last);
    for (const turn of turns) if (await sweptAlone(deps, turn, () => sweepOne(deps, turn))) changed += 1;
    last = turns.at(-1) ?? null;
    if (turns.length < BATCH) break;
  }
  for (const waiting of await deps.turns.listStranded(minAgeMs, BATCH)) {
    if (await sweptAlone(deps, waiting, () => sweepWaiting(deps, waiting))) changed += 1;
  }
  return changed;
}

/** One turn that cannot be settled must not keep the others from it; a part that is away concerns them all. */
async function sweptAlone(
  deps: SweeperDeps,
  turn: { readonly tenantId: string; readonly turnId: string },
  settle: () => Promise<boolean>,
): Promise<boolean> {
  try {
    return await settle();
  } catch (error) {
    const { code } = toFailure(error);
    if (code === 'engine.unavailable' || code === 'store.unavailable') throw error;
    deps.logger.error(
      { tenantId: turn.tenantId, turnId: turn.turnId, err: error, code },
      'a turn could not be settled',
    );
    return false;
  }
}

async function sweepOne(deps: SweeperDeps, turn: OpenTurn): Promise<boolean> {
  const state = await deps.engine.describe(turn);
  if (state.kind === 'running') return false;
  if (state.kind === 'absent') return restart(deps, turn);
  const scope = internalScope(turn.tenantId, 'sweeper');
  await finishTurn(deps, scope, turn.turnId, endingFor(state.how));
  deps.logger.warn(
    { tenantId: turn.tenantId, turnId: turn.turnId, how: state.how },
    'turn settled: its workflow had ended',
  );
  deps.metrics.swept({ outcome: 'settled' });
  return true;
}

function endingFor(how: string): TurnEnding {
  if (how === 'cancelled') return { status: 'cancelled', incompleteReason: null, error: null };
  const error =
    how === 'terminated'
      ? { code: 'turn.terminated', message: 'An operator terminated the workflow of this turn.' }
      : { code: 'turn.lost', message: `The workflow of this turn ended (${how}) without an answer.` };
  return { status: 'failed', incompleteReason: null, error };
}

async function restart(deps: SweeperDeps, turn: OpenTurn): Promise<boolean> {
  try {
    await deps.engine.start(toStartTurn({ ...turn, id: turn.turnId }, 'started again by the sweeper'));
  } catch (error) {
    // The conversation's previous workflow is still closing: the next sweep starts this one.
    if (isFailure(error) && error.code === 'conversation.busy') return false;
    throw error;
  }
  deps.logger.warn({ tenantId: turn.tenantId, turnId: turn.turnId }, 'turn had no workflow; it was started');
  deps.metrics.swept({ outcome: 'restarted' });
  return true;
}

/** A turn that waits although nothing runs begins; one that was to interrupt another asks for its stop again. */
async function sweepWaiting(deps: SweeperDeps, waiting: StrandedTurn): Promise<boolean> {
  const { tenantId, turnId, conversationId, interrupts } = waiting;
  if (interrupts !== null) {
    await deps.events.requestCancel({ tenantId, turnId: interrupts });
    await deps.engine.cancel({ tenantId, turnId: interrupts, conversationId });
    return false;
  }
  const next = await deps.turns.beginNext(internalScope(tenantId, 'sweeper'), conversationId);
  if (next === null) return false;
  deps.logger.warn({ tenantId, turnId, conversationId }, 'turns waited although none ran; the first was begun');
  deps.metrics.swept({ outcome: 'restarted' });
  await deps.beginNext(next);
  return true;
}
