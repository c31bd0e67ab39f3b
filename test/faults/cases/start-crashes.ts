/**
 * Deaths that no client's request leads to: while the product starts, while it starts with another master key, and in the second
 * life of a turn whose process died before. Each is run once undisturbed, to find its points, and then for each of them.
 */
import { rmSync, writeFileSync } from 'node:fs';
import type { CheckedTurn } from '../checker/check-turn.js';
import type { Violation } from '../checker/violation.js';
import { calls, completedWith, newPlanId, said, sendTurn } from '../shapes/shape.js';
import { plainShape } from '../shapes/turn-shapes.js';
import { shapeRunOf } from '../world/shape-run.js';
import { MASTER_KEY, crashFile } from '../world/world.js';
import type { World } from '../world/world.js';
import { untilQuiet } from './crash-trace.js';

export interface Names {
  readonly tag: string;
  readonly nextNumber: () => number;
}

export interface StartOutcome {
  readonly died: boolean;
  /** Of the start after it died. */
  readonly startMs: number | null;
  readonly turns: readonly CheckedTurn[];
  readonly broken: readonly Violation[];
}

export interface StartCrash {
  readonly name: string;
  /** @param wanted `point#n`; null: nothing dies. */
  atStart(world: World, names: Names, wanted: string | null): Promise<StartOutcome>;
}

const TURN_TIMEOUT_MS = 90_000;
type Environment = Readonly<Record<string, string>>;

/** @param over when it can no longer come to the point. */
async function startAndDie(
  world: World,
  wanted: string | null,
  over: () => Promise<unknown>,
  env: Environment = {},
): Promise<Pick<StartOutcome, 'died' | 'startMs'>> {
  if (wanted !== null) writeFileSync(crashFile(world.folder), wanted);
  const died = await world.start(env).then(
    () => Promise.race([world.product().ended.then(() => true), over().then(() => false)]),
    () => true,
  );
  rmSync(crashFile(world.folder), { force: true });
  return { died, startMs: died ? await world.start(env) : null };
}

async function aTurn(world: World, names: Names): Promise<Pick<StartOutcome, 'turns' | 'broken'>> {
  const broken: Violation[] = [];
  const turns = await plainShape.run(shapeRunOf(world, { ...names, timeoutMs: TURN_TIMEOUT_MS, broken }));
  return { turns, broken };
}

/** On its way up, or in the first moments after: the next start is as good as any. */
const start: StartCrash = {
  name: 'start',
  async atStart(world, names, wanted) {
    await world.kill();
    const how = await startAndDie(world, wanted, () => untilQuiet(world));
    return { ...how, ...(await aTurn(world, names)) };
  },
};

const OTHER_KEY = Buffer.from('another-master-key-of-fault-runs').toString('base64');

/** The keys of tenants are wrapped by a new master key, and then by the old one again, which everybody else starts with. */
const rekeyed: StartCrash = {
  name: 'start-rekeyed',
  async atStart(world, names, wanted) {
    const env = { TURNSTONE_MASTER_KEY: OTHER_KEY, TURNSTONE_PREVIOUS_MASTER_KEYS: MASTER_KEY };
    await world.kill();
    const how = await startAndDie(world, wanted, () => untilQuiet(world), env);
    const under = await aTurn(world, names);
    await world.kill();
    await world.start({ TURNSTONE_PREVIOUS_MASTER_KEYS: OTHER_KEY });
    const back = await aTurn(world, names);
    await world.kill();
    await world.start();
    return { ...how, turns: [...under.turns, ...back.turns], broken: [...under.broken, ...back.broken] };
  },
};

/** It dies in the middle of a call; whoever takes the turn up dies too. */
const secondLife: StartCrash = {
  name: 'second-life',
  async atStart(world, names, wanted) {
    const broken: Violation[] = [];
    const run = shapeRunOf(world, { ...names, timeoutMs: TURN_TIMEOUT_MS, broken });
    const planId = newPlanId(run);
    const steps = [{ reply: calls(planId, 'first', [{ tool: 'book', after: 100 }]) }, { reply: said(planId) }];
    const first = world.product();
    writeFileSync(crashFile(world.folder), 'tool.invoke.after#1');
    const turn = sendTurn(run, { planId, steps, expected: completedWith(planId) });
    await first.ended;
    rmSync(crashFile(world.folder), { force: true });
    const how = await startAndDie(world, wanted, () => turn);
    return { ...how, turns: [await turn], broken };
  },
};

export const START_CRASHES: readonly StartCrash[] = [start, rekeyed, secondLife];
