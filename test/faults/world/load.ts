/** Turns of mixed shapes, so many at a time, until a number of them is done; what each client saw is checked as it ends. */
import { checkTurn } from '../checker/check-turn.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import type { Seeded } from '../seeded.js';
import type { Shape } from '../shapes/shape.js';
import type { Caller } from './callers.js';
import type { ShapeRunOptions } from './shape-run.js';
import { shapeRunOf } from './shape-run.js';
import type { World } from './world.js';

export interface LoadOptions {
  readonly world: World;
  readonly shapes: readonly Shape[];
  readonly turns: number;
  readonly inFlight: number;
  readonly seed: Seeded;
  readonly tag: string;
  /** Who sends it, in place of the administrator; they also say the tag. */
  readonly callers?: readonly Caller[];
  readonly timeoutMs: number;
  readonly dropEveryMs?: number;
  /** What is disturbed may end a turn as failed: visibly, with a code; these, or any. */
  readonly mayFail?: readonly string[] | 'any';
  /** True: go on although so many turns are done. */
  readonly more?: () => boolean;
  readonly onDone?: (done: number) => void;
}

export interface LoadResult {
  readonly done: number;
  readonly broken: readonly { readonly what: string; readonly violations: readonly Violation[] }[];
  /** Each turn, from sent to ended. */
  readonly turns: readonly CheckedTurn[];
  readonly durationMs: number;
}

function orFailed(expected: CheckedTurn['expected'], codes: readonly string[] | 'any'): CheckedTurn['expected'] {
  return (stored) => {
    const code = stored.status === 'failed' ? stored.error?.code : undefined;
    return code !== undefined && (codes === 'any' || codes.includes(code)) ? null : expected(stored);
  };
}

/** Who sends the turns of a lane, and how. */
function ofLane(
  { callers = [], tag, timeoutMs, dropEveryMs }: LoadOptions,
  index: number,
): Omit<ShapeRunOptions, 'nextNumber' | 'broken'> {
  const caller = callers[index % callers.length];
  return {
    tag: caller?.tag ?? tag,
    timeoutMs,
    ...(caller === undefined ? {} : { apiKey: caller.apiKey }),
    ...(dropEveryMs === undefined ? {} : { dropEveryMs }),
  };
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { world, seed } = options;
  const startedMs = Date.now();
  let number = 0;
  const nextNumber = (): number => (number += 1);
  let begun = 0;
  const turns: CheckedTurn[] = [];
  const broken: { what: string; violations: readonly Violation[] }[] = [];
  const lane = async (index: number): Promise<void> => {
    while (begun < options.turns || options.more?.() === true) {
      begun += 1;
      const shape = seed.pick(options.shapes);
      const found: Violation[] = [];
      const run = shapeRunOf(world, { ...ofLane(options, index), nextNumber, broken: found });
      const checked = await shape.run(run);
      if (found.length > 0) broken.push({ what: shape.name, violations: found });
      for (const made of checked) {
        const each = { ...made, expected: orFailed(made.expected, options.mayFail ?? []) };
        const violations = checkTurn(each);
        if (violations.length > 0) broken.push({ what: `${shape.name} ${each.planId}`, violations });
        // The events of thousands of turns are not kept.
        turns.push({ ...each, turn: { ...each.turn, events: [] } });
      }
      options.onDone?.(turns.length);
    }
  };
  await Promise.all(Array.from({ length: options.inFlight }, (_, index) => lane(index)));
  return { done: turns.length, broken, turns, durationMs: Date.now() - startedMs };
}
