/**
 * Every persisted step of every shape of a turn: the product dies right before it and right after it, is started again,
 * and the turn must end as if nothing had happened. Which steps there are is not written down here: each shape is run
 * once undisturbed, and every point it reaches becomes a case.
 */
import { rmSync, writeFileSync } from 'node:fs';
import type { Audit } from '../checker/audit-world.js';
import { auditWorld } from '../checker/audit-world.js';
import { checkTurn } from '../checker/check-turn.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { CaseContext, CaseResult, FaultCase } from '../fault-case.js';
import { describeTimes } from '../fault-case.js';
import { storedResponse } from '../world/client.js';
import { shapeRunOf } from '../world/shape-run.js';
import { crashFile, createWorld } from '../world/world.js';
import type { World } from '../world/world.js';
import { crashPointTable } from './crash-point-table.js';
import { untilQuiet } from './crash-trace.js';
import { chooseOnePerPoint, findCrashCases, nameOf } from './find-crash-cases.js';
import type { CrashCase, FoundCases } from './find-crash-cases.js';
import type { Names } from './start-crashes.js';

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

/** Products beside each other: most of a case is waiting for a lost worker to be noticed. */
const LANES = 3;
const TURN_TIMEOUT_MS = 90_000;
/** What is kept of a bounded run for the last cases to end and what is left behind to be read. */
const AUDIT_MS = 75_000;
export const crashPointsCase: FaultCase = {
  name: 'crash-points',
  proves: 'the product dies before and after every persisted step of every shape of a turn',
  run: runCrashPoints,
};

async function runCrashPoints(context: CaseContext): Promise<CaseResult> {
  const worlds = await Promise.all(Array.from({ length: context.only === null ? LANES : 1 }, () => createWorld()));
  try {
    await Promise.all(worlds.map((world) => world.start()));
    const found = await findCrashCases(worlds, context.seed, context.only);
    for (const reason of found.reasons) context.say(`cannot be reached: ${reason}`);
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

/** Undefined too when the time is up. */
function nextOf(queue: CrashCase[], { untilMs }: CaseContext): CrashCase | undefined {
  return Date.now() > untilMs - AUDIT_MS ? undefined : queue.shift();
}

async function runInLanes(
  worlds: readonly World[],
  cases: readonly CrashCase[],
  context: CaseContext,
): Promise<readonly CrashOutcome[]> {
  const queue = [...cases];
  const outcomes: CrashOutcome[] = [];
  const lane = async (world: World, index: number): Promise<void> => {
    let number = 0;
    const nextNumber = (): number => (number += 1);
    for (let next = nextOf(queue, context); next !== undefined; next = nextOf(queue, context)) {
      const outcome = await crashOnce(world, next, { tag: `lane${index}`, nextNumber });
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

async function crashOnce(world: World, crash: CrashCase, names: Names): Promise<CrashOutcome> {
  const { shape } = crash;
  if ('atStart' in shape) {
    const { died, startMs, turns, broken } = await shape.atStart(world, names, `${crash.point}#${crash.nth}`);
    return { crash, died, startMs, recoveryMs: null, violations: [...turns.flatMap(checkTurn), ...broken] };
  }
  const broken: Violation[] = [];
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
  const run = shapeRunOf(world, {
    ...names,
    timeoutMs: TURN_TIMEOUT_MS,
    broken,
    onEvent: (event) => {
      // A snapshot is what was; anything else is the turn going on.
      if (reborn.at !== null && event.type !== 'turnstone:snapshot') moved.at ??= Date.now();
    },
  });
  const turns = await shape.run(run);
  // Points at the very end of a turn are reached after the client has its answer.
  if (!isOver(life)) await Promise.race([life.ended, untilQuiet(world)]);
  dying.abort();
  const died = await watching;
  const violations = [...(await settled(world, turns)).flatMap(checkTurn), ...broken];
  const recoveryMs = moved.at !== null && reborn.at !== null ? moved.at - reborn.at : null;
  return { crash, died, violations, startMs: reborn.startMs, recoveryMs };
}

/** Of turns whose client was answered before the crash, what is stored is read again after it. */
async function settled(world: World, turns: readonly CheckedTurn[]): Promise<readonly CheckedTurn[]> {
  return Promise.all(
    turns.map(async (turn) =>
      turn.turn.id === null ? turn : { ...turn, stored: await storedResponse(world.apiUrl, turn.turn.id, turn.apiKey) },
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
      ...found.never.map((point) => ({ what: `no shape reaches ${point}`, violations: [] })),
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
