/**
 * The events of a turn for one reader, whatever became of the log: live while it is open, from the store when it is gone,
 * and never waiting for ever for a turn that ended where this process could not see it.
 */
import type { TurnEvent } from '../domain/event.js';
import { isTerminalEvent } from '../domain/event.js';
import { failure } from '../domain/failures.js';
import { pause } from '../domain/pause.js';
import type { ApprovalStore } from '../domain/ports/approval-store.js';
import type { EventLog, TurnRef } from '../domain/ports/event-log.js';
import type { SteerStore } from '../domain/ports/steer-store.js';
import type { TurnStore } from '../domain/ports/turn-store.js';
import type { ResponseResource } from '../domain/response-resource.js';
import type { Scope } from '../domain/scope.js';
import { isTerminal } from '../domain/turn.js';
import type { TurnRecord } from '../domain/turn.js';
import { toApprovalAsides, toSteerAsides } from './projections/replay-asides.js';
import type { Aside } from './projections/replay-asides.js';
import { toCatchUpEvents, toReplayEvents } from './projections/stored-response-events.js';
import { isOutputItem, loadResource } from './stored-response.js';

export interface ReaderDeps {
  readonly turns: TurnStore;
  readonly approvals: ApprovalStore;
  readonly steers: SteerStore;
  readonly events: EventLog;
}

export interface ReadTurn {
  readonly scope: Scope;
  readonly turnId: string;
  /** Events with a greater number are delivered; -1 for all. */
  readonly after: number;
  readonly signal: AbortSignal;
  /** How often a silent turn is looked up in the store. */
  readonly checkMs?: number;
  /** `waitForEnd` is over too when the turn asks people. */
  readonly orWaits?: boolean;
}

/** A turn that ended elsewhere ends its streams within about this time. */
const CHECK_MS = 2_000;
/** While the log is open the store is asked less often: the log is almost always right. */
const CHECKS_PER_LOOK = 5;
/** The terminal event follows the commit: an ended turn gets this many checks before the store speaks for the log. */
const LOOKS_UNTIL_SURE = 2;

const refOf = (read: ReadTurn): TurnRef => ({ tenantId: read.scope.tenantId, turnId: read.turnId });

/** One shared timer promise per interval: a race per event must not start a timer per event. */
function createTicker(everyMs: number): { next(): Promise<'tick'>; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<'tick'> | null = null;
  return {
    next: () =>
      (current ??= new Promise((resolve) => {
        timer = setTimeout(() => {
          current = null;
          resolve('tick');
        }, everyMs);
      })),
    stop: () => clearTimeout(timer),
  };
}

/** Has the turn ended although its log says nothing? Asked at each tick in which no event came. */
function createEndWatch(deps: ReaderDeps, read: ReadTurn): () => Promise<boolean> {
  let silentChecks = 0;
  let ended = 0;
  return async () => {
    silentChecks += 1;
    const lost = (await deps.events.state(refOf(read))) === null;
    if (!lost && ended === 0 && silentChecks % CHECKS_PER_LOOK !== 0) return false;
    const turn = await deps.turns.get(read.scope, read.turnId);
    ended = turn === null || isTerminal(turn.status) ? ended + 1 : 0;
    return lost ? ended > 0 : ended >= LOOKS_UNTIL_SURE;
  };
}

/** Live events until the terminal one, or until the store knows an end the log does not. */
async function* followLog(deps: ReaderDeps, read: ReadTurn): AsyncGenerator<TurnEvent> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  read.signal.addEventListener('abort', onAbort, { once: true });
  if (read.signal.aborted) stop.abort();
  const ticker = createTicker(read.checkMs ?? CHECK_MS);
  const endedElsewhere = createEndWatch(deps, read);
  const log = deps.events.read(refOf(read), { after: read.after, signal: stop.signal })[Symbol.asyncIterator]();
  try {
    let pending = log.next();
    let silent = true;
    for (;;) {
      const outcome = await Promise.race([pending, ticker.next()]);
      if (outcome === 'tick') {
        if (silent && (await endedElsewhere())) return;
        silent = true;
        continue;
      }
      if (outcome.done === true) return;
      silent = false;
      yield outcome.value;
      if (isTerminalEvent(outcome.value)) return;
      pending = log.next();
    }
  } finally {
    ticker.stop();
    stop.abort();
    read.signal.removeEventListener('abort', onAbort);
    await log.return?.();
  }
}

async function storedEvents(deps: ReaderDeps, read: ReadTurn, turn: TurnRecord): Promise<readonly TurnEvent[]> {
  const response = await loadResource(deps, read.scope, turn);
  if (read.after >= 0) return toCatchUpEvents(response, turn.lastSequence, read.after);
  return toReplayEvents(response, turn.lastSequence, await loadAsides(deps, read.scope, response));
}

/** A step has at most 128 calls; of turns that ask more often than this the rest is in the list of approvals. */
const MAX_APPROVALS = 1_000;

async function loadAsides(
  deps: ReaderDeps,
  scope: Scope,
  { id: turnId, output }: ResponseResource,
): Promise<readonly Aside[]> {
  const query = { status: null, conversationId: null, turnId, after: null, order: 'asc' } as const;
  const asks = output.some(({ type }) => type === 'mcp_approval_request');
  const approvals = asks ? (await deps.approvals.list(scope, { ...query, limit: MAX_APPROVALS })).approvals : [];
  const steers = await deps.steers.list(scope, turnId);
  const joined = steers.some(({ status }) => status === 'picked_up');
  const stored = joined ? (await deps.turns.output(scope, turnId)).filter(({ item }) => isOutputItem(item)) : [];
  const steps = stored.map(({ step }) => step);
  return [...toApprovalAsides(approvals, output), ...toSteerAsides(steers, steps)];
}

async function storedSnapshot(deps: ReaderDeps, read: ReadTurn, turn: TurnRecord): Promise<TurnEvent> {
  const covers = Math.max(0, read.after);
  return {
    type: 'turnstone:snapshot',
    covers,
    response: await loadResource(deps, read.scope, turn),
    sequence_number: covers,
  };
}

/**
 * Ends after the terminal event, when `signal` aborts, or when the turn is deleted meanwhile.
 * @throws `store.unavailable` while the store cannot be asked.
 */
export async function* readTurn(deps: ReaderDeps, read: ReadTurn): AsyncGenerator<TurnEvent> {
  let after = read.after;
  let toldState = false;
  while (!read.signal.aborted) {
    const from = { ...read, after };
    if ((await deps.events.state(refOf(read))) === null || toldState) {
      const turn = await deps.turns.get(read.scope, read.turnId);
      if (turn === null) return;
      if (isTerminal(turn.status)) {
        yield* await storedEvents(deps, from, turn);
        return;
      }
      const snapshot = await storedSnapshot(deps, from, turn);
      after = snapshot.sequence_number;
      yield snapshot;
    }
    let silent = true;
    for await (const event of followLog(deps, { ...read, after })) {
      silent = false;
      after = event.sequence_number;
      yield event;
      if (isTerminalEvent(event)) return;
    }
    toldState = true;
    // A log that ends at once without an end: ask again later instead of spinning.
    if (silent) await pause(read.checkMs ?? CHECK_MS, read.signal);
  }
}

/** @throws `request.invalid` when `after` lies beyond what the turn has given out. */
export async function checkStart(deps: ReaderDeps, scope: Scope, turn: TurnRecord, after: number): Promise<void> {
  const state = await deps.events.state({ tenantId: scope.tenantId, turnId: turn.id });
  const last = state?.lastSequence ?? turn.lastSequence;
  if (last === null || after <= last) return;
  throw failure(
    'request.invalid',
    `starting_after is ${after}, but the last event of this response is ${last}. Send a number up to ${last}.`,
    {
      param: 'starting_after',
    },
  );
}

/**
 * Waits until the turn has ended, however that is found out.
 * @returns false when `signal` aborted first.
 */
export async function waitForEnd(deps: ReaderDeps, read: ReadTurn): Promise<boolean> {
  for await (const event of readTurn(deps, read)) {
    if (isTerminalEvent(event) || (read.orWaits === true && event.type === 'turnstone:approval.requested')) return true;
  }
  return !read.signal.aborted;
}
