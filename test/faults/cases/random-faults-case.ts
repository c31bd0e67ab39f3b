/**
 * Turns of all shapes of two tenants in flight while, at moments the seed chooses, the product or its Temporal server is killed, or the
 * product stands still for longer than a worker may be silent and wakes up: its attempts have been given to others by then.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditWorld } from '../checker/audit-world.js';
import { checkTenants } from '../checker/check-tenants.js';
import type { CaseContext, CaseResult, FaultCase } from '../fault-case.js';
import { describeTimes } from '../fault-case.js';
import type { Seeded } from '../seeded.js';
import { TURN_SHAPES } from '../shapes/turn-shapes.js';
import { makeCallers } from '../world/callers.js';
import { runLoad } from '../world/load.js';
import { createWorld } from '../world/world.js';
import type { World } from '../world/world.js';

type FaultKind = 'kill product' | 'kill Temporal' | 'stop and wake';
const KINDS: readonly FaultKind[] = ['kill product', 'kill Temporal', 'stop and wake'];
/** Each kind this often at least, however fast the turns are. */
const ROUNDS = { bounded: 1, full: 3 };
const PAUSE_MS = { bounded: { from: 2_000, to: 6_000 }, full: { from: 10_000, to: 25_000 } };
/** A turn whose process dies again and again is given up, visibly. */
const GIVEN_UP = 'turn.lost';
/** Over the heartbeat timeout: by the time it wakes up, its work was given away. */
const STANDS_STILL_MS = { from: 8_000, to: 12_000 };
/** A turn may be hit more than once. */
const TURN_TIMEOUT_MS = 600_000;
const IN_FLIGHT = { bounded: 24, full: 200 };
/** A key may ask 1,200 times a minute; each lane asks some five times a second. */
const KEYS_PER_TENANT = { bounded: 3, full: 20 };

export const randomFaultsCase: FaultCase = {
  name: 'random-faults',
  proves: 'kill -9 of product and Temporal server, and a product that stands still and wakes up, with turns in flight',
  async run(context: CaseContext): Promise<CaseResult> {
    const world = await createWorld();
    try {
      await world.start();
      const inFlight = context.full ? IN_FLIGHT.full : IN_FLIGHT.bounded;
      const callers = await makeCallers(world, context.full ? KEYS_PER_TENANT.full : KEYS_PER_TENANT.bounded);
      const over = new AbortController();
      const counts: Record<FaultKind, number> = { 'kill product': 0, 'kill Temporal': 0, 'stop and wake': 0 };
      const faults = disturb(world, counts, context, over.signal);
      const load = await runLoad({
        world,
        shapes: TURN_SHAPES,
        turns: context.turns,
        inFlight,
        seed: context.seed.fork('load'),
        tag: 'random',
        callers,
        mayFail: [GIVEN_UP],
        timeoutMs: TURN_TIMEOUT_MS,
        more: () => KINDS.some((kind) => counts[kind] < (context.full ? ROUNDS.full : ROUNDS.bounded)),
        onDone: (done) => {
          if (done % 100 === 0) context.say(`${done} turns done`);
        },
      });
      over.abort();
      const startMs = await faults;
      const tenants = await checkTenants(world.apiUrl, callers, load.turns);
      const audit = await auditWorld(world, { inFlight });
      const left = [...tenants.violations, ...audit.violations];
      return {
        passed: load.done - load.broken.length,
        failed: [...load.broken, ...(left.length === 0 ? [] : [{ what: 'what was left behind', violations: left }])],
        skipped: [],
        figures: {
          turns: `${load.done}, ${inFlight} at a time, ${Math.round(load.durationMs / 1000)} s`,
          ...counts,
          'given up after many deaths': load.turns.filter(({ stored }) => stored?.error?.code === GIVEN_UP).length,
          'asked for what another tenant has': tenants.asked,
          'start after a kill': describeTimes(startMs),
          'effects outside': audit.figures.effects,
          'calls with unknown outcome': audit.figures.outcomeUnknown,
          'answers of the provider on no ledger row': audit.figures.unbooked,
          'histories replayed': audit.figures.replayed,
        },
      };
    } finally {
      await world.dispose();
    }
  },
};

/** @returns how long each start after a kill took. */
async function disturb(
  world: World,
  counts: Record<FaultKind, number>,
  context: CaseContext,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const seed = context.seed.fork('faults');
  const startMs: number[] = [];
  const pause = context.full ? PAUSE_MS.full : PAUSE_MS.bounded;
  for (;;) {
    for (const kind of seed.shuffled(KINDS)) {
      await sleep(seed.between(pause.from, pause.to), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return startMs;
      context.say(`now: ${kind}`);
      const started = await doHarm(world, kind, seed);
      if (started !== null) startMs.push(started);
      counts[kind] += 1;
    }
  }
}

async function doHarm(world: World, kind: FaultKind, seed: Seeded): Promise<number | null> {
  if (kind === 'kill product') {
    await world.kill();
    return world.start();
  }
  if (kind === 'kill Temporal') {
    const { pid } = JSON.parse(readFileSync(join(world.dataDir, 'temporal.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    return null;
  }
  world.product().kill('SIGSTOP');
  await sleep(seed.between(STANDS_STILL_MS.from, STANDS_STILL_MS.to));
  world.product().kill('SIGCONT');
  return null;
}
