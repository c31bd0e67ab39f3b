/**
 * Which crash points there are is not written down: every shape is run once undisturbed; each
 * point that is reached, every time it is reached, becomes a case. A point that exists and that nothing reaches is a failure.
 */
import { checkTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { Seeded } from '../seeded.js';
import { ADMIN_SHAPES } from '../shapes/admin-shapes.js';
import { conversationShape, fileShape } from '../shapes/data-shapes.js';
import type { Shape } from '../shapes/shape.js';
import { TURN_SHAPES } from '../shapes/turn-shapes.js';
import { stoppedUndoShape } from '../shapes/undo-shapes.js';
import { shapeRunOf } from '../world/shape-run.js';
import { readTrace, untilQuiet } from './crash-trace.js';
import { START_CRASHES } from './start-crashes.js';
import type { Names, StartCrash } from './start-crashes.js';
import type { World } from '../world/world.js';

export interface CrashCase {
  readonly shape: Shape | StartCrash;
  readonly point: string;
  /** The n-th time it is reached in this turn. */
  readonly nth: number;
}

export interface FoundCases {
  readonly all: readonly CrashCase[];
  /** Points that exist and that nothing reached; those with a reason why not are left out. */
  readonly never: readonly string[];
  readonly reasons: readonly string[];
}

export const nameOf = ({ shape, point, nth }: CrashCase): string => `${shape.name} ${point}#${nth}`;

/** Not a step of a turn, and not by a request: reached by the clock, and by a start, which is where they are crashed. */
const BY_THE_CLOCK = /^(turns\.purgeUnstored|credentials\.purgeEnded|approvals\.expireAbandoned)\./;
/** Many times in each turn, and nothing is persisted: the first, one in the middle and the last stand for all. */
const LIVE_ONLY = /^(events\.append)\./;

/** Points that no shape can reach on this product, each with the reason. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  'activity.notifyEscalation': 'it keeps nothing; it tells an https address of the operator, which this world has not',
  'turns.beginNext':
    'the sweeper begins a turn that waits although none runs, which no death leaves behind: the transaction that closes a turn begins the next',
};

const CRASHED_SHAPES: readonly (Shape | StartCrash)[] = [
  ...TURN_SHAPES,
  stoppedUndoShape,
  conversationShape,
  fileShape,
  ...ADMIN_SHAPES,
  ...START_CRASHES,
];

/** A pattern that names shapes is about these, and no others need to be run to find their points. */
function shapesFor(only: RegExp | null): readonly (Shape | StartCrash)[] {
  const named = CRASHED_SHAPES.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(only?.source ?? ''));
  return named.length > 0 ? named : CRASHED_SHAPES;
}

/** @param worlds share the shapes among them: most of a shape is waiting. */
export async function findCrashCases(worlds: readonly World[], seed: Seeded, only: RegExp | null): Promise<FoundCases> {
  const shapes = shapesFor(only);
  const lines = new Map<Shape | StartCrash, readonly string[]>();
  const queue = [...shapes];
  await Promise.all(
    worlds.map(async (world, lane) => {
      let number = 0;
      const nextNumber = (): number => (number += 1);
      for (let shape = queue.shift(); shape !== undefined; shape = queue.shift()) {
        const before = readTrace(world).length;
        const [first] = await scout(world, shape, { tag: `scout${lane}`, nextNumber });
        if (first !== undefined) throw new Error(`${shape.name} is broken without any fault: ${JSON.stringify(first)}`);
        await untilQuiet(world);
        lines.set(shape, readTrace(world).slice(before));
      }
    }),
  );
  // In the order of the shapes, whichever was done first: a seed chooses the same cases again.
  const all = shapes.flatMap((shape) => casesOf(shape, lines.get(shape) ?? [], seed));
  const traces = worlds.flatMap((world) => readTrace(world));
  const known = new Set(traces.flatMap((line) => (line.startsWith('known ') ? [line.slice('known '.length)] : [])));
  const reached = new Set(all.map(({ point }) => point));
  if (shapes !== CRASHED_SHAPES) return { all, never: [], reasons: [] };
  const never = [...known].filter((point) => !reached.has(point));
  return {
    all,
    never: never.filter((point) => reasonOf(point) === undefined),
    reasons: never.flatMap((point) => (reasonOf(point) === undefined ? [] : [`${point}: ${reasonOf(point)}`])),
  };
}

const reasonOf = (point: string): string | undefined => UNREACHABLE[point.replace(/\.(before|after)$/, '')];

async function scout(world: World, shape: Shape | StartCrash, names: Names): Promise<readonly Violation[]> {
  if ('atStart' in shape) {
    const { turns, broken } = await shape.atStart(world, names, null);
    return [...turns.flatMap(checkTurn), ...broken];
  }
  const broken: Violation[] = [];
  const turns = await shape.run(shapeRunOf(world, { ...names, broken, timeoutMs: 60_000 }));
  return [...turns.flatMap(checkTurn), ...broken];
}

function casesOf(shape: Shape | StartCrash, lines: readonly string[], seed: Seeded): readonly CrashCase[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [kind, point = ''] = line.split(' ');
    if (kind !== 'reached' || (!('atStart' in shape) && BY_THE_CLOCK.test(point))) continue;
    counts.set(point, (counts.get(point) ?? 0) + 1);
  }
  return [...counts].flatMap(([point, count]) => timesToTry(point, count, seed).map((nth) => ({ shape, point, nth })));
}

function timesToTry(point: string, count: number, seed: Seeded): readonly number[] {
  if (!LIVE_ONLY.test(point)) return Array.from({ length: count }, (_, index) => index + 1);
  return [...new Set([1, seed.between(1, count), count])];
}

/** Every point once, each in a shape that the seed chooses; those of turns first, since time may not be enough for all. */
export function chooseOnePerPoint(all: readonly CrashCase[], seed: Seeded): readonly CrashCase[] {
  const ofTurns = new Set<Shape | StartCrash>(TURN_SHAPES);
  const byPoint = new Map<string, CrashCase>();
  for (const each of seed.shuffled(all)) {
    const chosen = byPoint.get(each.point);
    if (chosen === undefined || (ofTurns.has(each.shape) && !ofTurns.has(chosen.shape))) byPoint.set(each.point, each);
  }
  const chosen = [...byPoint.values()];
  return [...chosen.filter(({ shape }) => ofTurns.has(shape)), ...chosen.filter(({ shape }) => !ofTurns.has(shape))];
}
