/**
 * Every persisted step of every shape of a turn: the product dies right before it and right after it, is started again,
 * and the turn must end as if nothing had happened. Which steps there are is not written down here: each shape is run
 * once undisturbed, and every point it reaches becomes a case.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Audit } from '../checker/audit-world.js';
import { auditWorld } from '../checker/audit-world.js';
import { checkTurn } from '../checker/check-turn.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { CaseContext, CaseResult, FaultCase } from '../fault-case.js';
import { describeTimes } from '../fault-case.js';
import type { Seeded } from '../seeded.js';
import type { Shape, ShapeRun } from '../shapes/shape.js';
import { TURN_SHAPES } from '../shapes/turn-shapes.js';
import { storedResponse } from '../world/client.js';
import { crashFile, createWorld, traceFile } from '../world/world.js';
import type { World } from '../world/world.js';
import { crashPointTable } from './crash-point-table.js';

export interface CrashCase {
  readonly shape: Shape;
  readonly point: string;
  /** The n-th time it is reached in this turn. */
  readonly nth: number;
}

export interface CrashOutcome {
  readonly crash: CrashCase;
  /** False: the turn ended without reaching it. */
  readonly died: boolean;
  readonly violations: readonly Violation[];
  /** How long the new process took until it was ready; null when none was needed. */
  readonly startMs: number | null;
  /** From the start of the new process until the turn moved again; null when it had nothing left to do. */
  readonly recoveryMs: number | null;
}

const nameOf = ({ shape, point, nth }: CrashCase): string => `${shape.name} ${point}#${nth}`;

/** Products beside each other: most of a case is waiting for a lost worker to be noticed. */
const LANES = 3;
const TURN_TIMEOUT_MS = 90_000;
/** Not a step of a turn, and not by a request: reached by the clock. */
const BY_THE_CLOCK = /^turns\.purgeUnstored\./;
/** Many times in each turn, and nothing is persisted: the first, one in the middle and the last stand for all. */
const LIVE_ONLY = /^(events\.append)\./;

export const crashPointsCase: FaultCase = {
  name: 'crash-points',
  proves: 'the product dies before and after every persisted step of every shape of a turn',
  run: runCrashPoints,
};

async function runCrashPoints(context: CaseContext): Promise<CaseResult> {
  const worlds = await Promise.all(Array.from({ length: LANES }, () => createWorld()));
  try {
    await Promise.all(worlds.map((world) => world.start()));
    const scout = worlds[0];
    if (scout === undefined) throw new Error('no world');
    const found = await findCrashCases(scout, context.seed);
    const wanted = found.all.filter((each) => context.only?.test(nameOf(each)) ?? true);
    const chosen = context.full || context.only !== null ? wanted : chooseOnePerPoint(wanted, context.seed);
    context.say(`${found.all.length} crash cases found, ${chosen.length} are run`);
    const outcomes = await runInLanes(worlds, chosen, context);
    const audits: Audit[] = [];
    for (const world of worlds) audits.push(await auditWorld(world, { inFlight: 1 }));
    return report(context, outcomes, audits, found);
  } finally {
    await Promise.all(worlds.map((world) => world.dispose()));
  }
}

export interface FoundCases {
  readonly all: readonly CrashCase[];
  readonly known: ReadonlySet<string>;
}

async function findCrashCases(world: World, seed: Seeded): Promise<FoundCases> {
  const all: CrashCase[] = [];
  const numbers = counter();
  for (const shape of TURN_SHAPES) {
    const before = readTrace(world).length;
    const undisturbed = (await shape.run(shapeRun(world, 'scout', numbers))).flatMap(checkTurn);
    const [first] = undisturbed;
    if (first !== undefined) throw new Error(`${shape.name} is broken without any fault: ${JSON.stringify(first)}`);
    await untilQuiet(world);
    const counts = new Map<string, number>();
    for (const line of readTrace(world).slice(before)) {
      const [kind, point = ''] = line.split(' ');
      if (kind === 'reached' && !BY_THE_CLOCK.test(point)) counts.set(point, (counts.get(point) ?? 0) + 1);
    }
    for (const [point, count] of counts) {
      for (const nth of timesToTry(point, count, seed)) all.push({ shape, point, nth });
    }
  }
  const known = readTrace(world).flatMap((line) => (line.startsWith('known ') ? [line.slice('known '.length)] : []));
  return { all, known: new Set(known) };
}

function timesToTry(point: string, count: number, seed: Seeded): readonly number[] {
  if (!LIVE_ONLY.test(point)) return Array.from({ length: count }, (_, index) => index + 1);
  return [...new Set([1, seed.between(1, count), count])];
}

/** Every point once, each in a shape that the seed chooses. */
function chooseOnePerPoint(all: readonly CrashCase[], seed: Seeded): readonly CrashCase[] {
  const byPoint = new Map<string, CrashCase>();
  for (const each of seed.shuffled(all)) byPoint.set(each.point, byPoint.get(each.point) ?? each);
  return [...byPoint.values()];
}

async function runInLanes(
  worlds: readonly World[],
  cases: readonly CrashCase[],
  context: CaseContext,
): Promise<readonly CrashOutcome[]> {
  const queue = [...cases];
  const outcomes: CrashOutcome[] = [];
  const lane = async (world: World, index: number): Promise<void> => {
    const numbers = counter();
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const outcome = await crashOnce(world, next, shapeRun(world, `lane${index}`, numbers));
      outcomes.push(outcome);
      const state = outcome.violations.length > 0 ? 'BROKEN' : outcome.died ? 'held' : 'not reached';
      context.say(
        `${outcomes.length}/${cases.length} ${nameOf(next)}: ${state}` +
          (outcome.recoveryMs === null ? '' : `, moved again after ${(outcome.recoveryMs / 1000).toFixed(1)} s`),
      );
    }
  };
  await Promise.all(worlds.map(lane));
  return outcomes;
}

async function crashOnce(world: World, crash: CrashCase, run: ShapeRun): Promise<CrashOutcome> {
  const moved: { at: number | null } = { at: null };
  const reborn: { at: number | null; startMs: number | null } = { at: null, startMs: null };
  const dying = new AbortController();
  const life = world.product();
  writeFileSync(crashFile(world.folder), `${crash.point}#${crash.nth}`);
  const watching = (async (): Promise<boolean> => {
    const how = await Promise.race([life.ended, aborted(dying.signal)]);
    rmSync(crashFile(world.folder), { force: true });
    if (how === null) return false;
    reborn.at = Date.now();
    reborn.startMs = await world.start();
    return true;
  })();
  const turns = await crash.shape.run({
    ...run,
    onEvent: (event) => {
      // A snapshot is what was; anything else is the turn going on.
      if (reborn.at !== null && event.type !== 'turnstone:snapshot') moved.at ??= Date.now();
    },
  });
  // Points at the very end of a turn are reached after the client has its answer.
  if (!isOver(life)) await Promise.race([life.ended, untilQuiet(world)]);
  dying.abort();
  const died = await watching;
  const violations = (await settled(world, turns)).flatMap(checkTurn);
  const recoveryMs = moved.at !== null && reborn.at !== null ? moved.at - reborn.at : null;
  return { crash, died, violations, startMs: reborn.startMs, recoveryMs };
}

/** Of turns whose client was answered before the crash, what is stored is read again after it. */
async function settled(world: World, turns: readonly CheckedTurn[]): Promise<readonly CheckedTurn[]> {
  return Promise.all(
    turns.map(async (turn) =>
      turn.turn.id === null ? turn : { ...turn, stored: await storedResponse(world.apiUrl, turn.turn.id) },
    ),
  );
}

const ended = new WeakSet();
function isOver(life: { readonly ended: Promise<unknown> }): boolean {
  void life.ended.then(() => ended.add(life));
  return ended.has(life);
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }));
}

function counter(): () => number {
  let last = 0;
  return () => (last += 1);
}

function shapeRun(world: World, tag: string, nextNumber: () => number): ShapeRun {
  return {
    apiUrl: world.apiUrl,
    fileUrl: `${world.outside.ledgerUrl}note.txt`,
    tag,
    nextNumber,
    timeoutMs: TURN_TIMEOUT_MS,
  };
}

function readTrace(world: World): readonly string[] {
  const file = traceFile(world.folder);
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}

/** The workflow closes after the client has its answer: no point reached for this long means that nothing is left. */
async function untilQuiet(world: World): Promise<void> {
  const QUIET_MS = 1_200;
  let seen = -1;
  let since = Date.now();
  while (Date.now() - since < QUIET_MS) {
    const now = readTrace(world).length;
    if (now !== seen) since = Date.now();
    seen = now;
    await sleep(50);
  }
}

function report(
  context: CaseContext,
  outcomes: readonly CrashOutcome[],
  audits: readonly Audit[],
  found: FoundCases,
): CaseResult {
  for (const line of crashPointTable(outcomes, found)) context.say(line);
  const broken = outcomes.filter(({ violations }) => violations.length > 0);
  const audited = audits.flatMap(({ violations }) => violations);
  const missed = outcomes.filter(({ died, violations }) => !died && violations.length === 0);
  const times = outcomes.flatMap(({ recoveryMs }) => (recoveryMs === null ? [] : [recoveryMs]));
  const sum = (pick: (audit: Audit) => number): number => audits.reduce((total, audit) => total + pick(audit), 0);
  return {
    passed: outcomes.length - broken.length - missed.length,
    failed: [
      ...broken.map(({ crash, violations }) => ({
        what: nameOf(crash),
        violations,
      })),
      ...(audited.length === 0 ? [] : [{ what: 'what was left behind', violations: audited }]),
    ],
    skipped: missed.map(({ crash }) => `${nameOf(crash)}: not reached this time`),
    figures: {
      'crash points of turns': new Set(found.all.map(({ point }) => point)).size,
      'start after the crash': describeTimes(outcomes.flatMap(({ startMs }) => (startMs === null ? [] : [startMs]))),
      'from that start until the turn moved again': describeTimes(times),
      'answers of the provider on no ledger row': sum(({ figures }) => figures.unbooked),
      'calls with unknown outcome': sum(({ figures }) => figures.outcomeUnknown),
      'histories replayed': sum(({ figures }) => figures.replayed),
    },
  };
}
