/** Proves the arithmetic of budgets: what fits, what is left of it, when it begins anew, over any schedule of calls and deaths. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decide,
  expire,
  heldOf,
  leftMicros,
  periodEnd,
  periodStart,
  release,
  reserve,
  rolled,
  settle,
} from '../../domain/budget-ledger.js';
import type { Ask, BudgetAccount, Ledger } from '../../domain/budget-ledger.js';

const NOON = Date.UTC(2026, 1, 27, 12);
const DAY = 86_400_000;

const anAccount = (changes: Partial<BudgetAccount> = {}): BudgetAccount => ({
  id: 'bud_1',
  principalId: null,
  period: 'day',
  limitMicros: 100,
  allowUnpriced: false,
  periodStartMs: periodStart('day', NOON),
  usedMicros: 0,
  ...changes,
});
const anAsk = (changes: Partial<Ask> = {}): Ask => ({
  turnId: 'resp_1',
  step: 1,
  attempt: 1,
  principalId: 'anna',
  spentMicros: 0,
  priced: true,
  minMicros: 10,
  reducedMicros: 20,
  maxMicros: 40,
  ...changes,
});
const aLedger = (...accounts: BudgetAccount[]): Ledger => ({ accounts, holds: [] });

describe('periods', () => {
  it.each([
    ['day', Date.UTC(2026, 1, 27), Date.UTC(2026, 1, 28)],
    ['month', Date.UTC(2026, 1, 1), Date.UTC(2026, 2, 1)],
    ['total', 0, null],
  ] as const)('%s: begins and ends in UTC', (period, start, end) => {
    expect(periodStart(period, NOON)).toBe(start);
    expect(periodEnd(period, NOON)).toBe(end);
  });

  it('a new day: nothing is used yet; the day before keeps counting until it is over', () => {
    const used = anAccount({ usedMicros: 90 });
    expect(rolled(used, NOON + 11 * 3_600_000).usedMicros).toBe(90);
    expect(rolled(used, NOON + 12 * 3_600_000).usedMicros).toBe(0);
    expect(leftMicros(anAccount({ period: 'total', periodStartMs: 0, usedMicros: 90 }), 0, NOON + 400 * DAY)).toBe(10);
  });
});

describe('decide', () => {
  it.each([
    ['room for the longest answer', 60, { kind: 'granted', grantedMicros: 40 }],
    ['room for less -> a reduced one', 61, { kind: 'granted', grantedMicros: 20 }],
    ['room for little more than the question -> what is left', 88, { kind: 'granted', grantedMicros: 12 }],
    ['no room for the question', 91, { kind: 'refused', why: 'exhausted' }],
    ['overspent', 140, { kind: 'refused', why: 'exhausted' }],
  ])('%s', (_, usedMicros, expected) => {
    const account = anAccount({ usedMicros });
    expect(decide([{ account, heldByOthersMicros: 0 }], anAsk(), NOON)).toMatchObject(expected);
  });

  it('what others hold and what this attempt has spent count as gone', () => {
    const account = anAccount();
    expect(decide([{ account, heldByOthersMicros: 55 }], anAsk({ spentMicros: 30 }), NOON)).toMatchObject({
      grantedMicros: 15,
    });
  });

  it('a free model: fits while anything is left', () => {
    const free = anAsk({ minMicros: 0, reducedMicros: 0, maxMicros: 0 });
    expect(decide([{ account: anAccount({ usedMicros: 99 }), heldByOthersMicros: 0 }], free, NOON).kind).toBe(
      'granted',
    );
  });
});

/** One thing that happens in a process or at the provider. */
interface Move {
  readonly kind: 'reserve' | 'settle' | 'die' | 'end' | 'wait';
  readonly turn: number;
  readonly cost: number;
  readonly hours: number;
}

const aMove: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom('reserve', 'reserve', 'settle', 'die', 'end', 'wait'),
  turn: fc.nat(4),
  cost: fc.integer({ min: 0, max: 40 }),
  hours: fc.integer({ min: 1, max: 13 }),
});

interface World {
  ledger: Ledger;
  nowMs: number;
  /** The attempt that holds each turn's step. */
  readonly attempts: number[];
  readonly granted: Map<number, number>;
}

const MOVES: Record<Move['kind'], (world: World, move: Move, ask: Ask) => void> = {
  wait(world, { hours }) {
    world.nowMs += hours * 3_600_000;
  },
  reserve(world, { turn }, ask) {
    const { ledger, decision } = reserve(world.ledger, ask, world.nowMs);
    if (decision.kind === 'refused') expect(ledger.accounts).toEqual(world.ledger.accounts);
    world.ledger = ledger;
    world.granted.delete(turn);
    if (decision.kind === 'granted') world.granted.set(turn, decision.grantedMicros ?? 0);
  },
  settle(world, { turn, cost }, ask) {
    const costMicros = Math.min(cost, world.granted.get(turn) ?? 0);
    world.ledger = settle(world.ledger, { ...ask, costMicros }, world.nowMs);
    world.granted.delete(turn);
  },
  // A process that dies leaves its hold; its turn goes on with the next attempt.
  die(world, { turn }, { attempt }) {
    world.attempts[turn] = attempt + 1;
    world.granted.delete(turn);
  },
  end(world, { turn }, { turnId }) {
    world.ledger = release(world.ledger, turnId);
    world.granted.delete(turn);
  },
};

function expectWithinLimits({ ledger, nowMs }: World): void {
  for (const account of ledger.accounts) {
    const held = heldOf(expire(ledger, nowMs).holds, account.id);
    expect(rolled(account, nowMs).usedMicros + held).toBeLessThanOrEqual(account.limitMicros);
  }
}

describe('over any schedule', () => {
  it('used and held never pass the limit while calls cost no more than was granted; the dead hold nothing', () => {
    fc.assert(
      fc.property(fc.array(aMove, { maxLength: 60 }), fc.constantFrom('day', 'month', 'total'), (moves, period) => {
        const periodStartMs = periodStart(period, NOON);
        const tenant = anAccount({ period, periodStartMs });
        const user = anAccount({ id: 'bud_2', principalId: 'anna', limitMicros: 70, period, periodStartMs });
        const world: World = {
          ledger: aLedger(tenant, user),
          nowMs: NOON,
          attempts: [1, 1, 1, 1, 1],
          granted: new Map(),
        };
        for (const move of moves) {
          const ask = anAsk({ turnId: `resp_${move.turn}`, attempt: world.attempts[move.turn] ?? 1 });
          MOVES[move.kind](world, move, ask);
          expectWithinLimits(world);
        }
        for (let turn = 0; turn < 5; turn += 1) {
          const ask = anAsk({ turnId: `resp_${turn}`, attempt: (world.attempts[turn] ?? 1) + 1 });
          world.ledger = settle(world.ledger, { ...ask, costMicros: 0 }, world.nowMs);
        }
        expect(world.ledger.holds).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('a call that costs more than was granted: only it is overspent, however many ask at once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 500 }), (usedMicros, over) => {
        let ledger = aLedger(anAccount({ usedMicros }));
        const winners: number[] = [];
        for (let turn = 0; turn < 100; turn += 1) {
          const made = reserve(
            ledger,
            anAsk({ turnId: `resp_${turn}`, minMicros: 1, reducedMicros: 1000, maxMicros: 1000 }),
            NOON,
          );
          ledger = made.ledger;
          if (made.decision.kind === 'granted') winners.push(made.decision.grantedMicros ?? 0);
        }
        expect(winners).toEqual([100 - usedMicros]);
        const spent = settle(ledger, { ...anAsk({ turnId: 'resp_0' }), costMicros: 100 - usedMicros + over }, NOON);
        expect(spent.accounts[0]?.usedMicros).toBe(100 + over);
      }),
      { numRuns: 50 },
    );
  });
});
