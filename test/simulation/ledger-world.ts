/**
 * The budget ledger under a schedule and a clock of its own: turns of several people ask at the same time, attempts die with money
 * on hold and are claimed again, providers charge more than was asked for, days and months go by.
 */
import { appliesTo, heldOf, periodStart, release, reserve, rolled, settle } from '../../domain/budget-ledger.js';
import type { Ask, BudgetAccount, Ledger } from '../../domain/budget-ledger.js';
import type { Tape } from './tape.js';

const START_MS = Date.UTC(2026, 0, 31, 20);
const HOUR_MS = 3_600_000;
const PEOPLE = ['anna', 'ben'];
const LONGEST_TURN_MS = 24 * HOUR_MS;
const OPERATIONS = 40;
/** What a provider may charge beyond what the call was granted: it counts tokens its own way. */
const MAX_OVERCHARGE = 7;

interface Attempt {
  readonly ask: Ask;
  readonly granted: number;
  readonly startedAtMs: number;
}

interface World {
  ledger: Ledger;
  nowMs: number;
  turns: number;
  readonly running: Attempt[];
  readonly settled: { readonly principalId: string; readonly cost: number; readonly atMs: number }[];
}

/** @returns what is wrong; empty when all is well. */
export function playLedger(tape: Tape): string[] {
  const accounts: BudgetAccount[] = [
    anAccount('all', null, tape.choose(2) === 0 ? 'day' : 'month', 60 + tape.choose(60)),
    anAccount('annas', 'anna', 'total', 40 + tape.choose(80)),
  ];
  const world: World = { ledger: { accounts, holds: [] }, nowMs: START_MS, turns: 0, running: [], settled: [] };
  const problems: string[] = [];
  for (let count = 0; count < OPERATIONS; count += 1) {
    step(world, tape, problems);
    problems.push(...overshoots(world));
    if (problems.length > 0) return problems;
  }
  for (const { ask } of world.running) world.ledger = release(world.ledger, ask.turnId);
  if (world.ledger.holds.length > 0) problems.push('money is still held after every turn has ended');
  return problems;
}

function anAccount(
  id: string,
  principalId: string | null,
  period: BudgetAccount['period'],
  limitMicros: number,
): BudgetAccount {
  return {
    id,
    principalId,
    period,
    limitMicros,
    allowUnpriced: false,
    periodStartMs: periodStart(period, START_MS),
    usedMicros: 0,
  };
}

function step(world: World, tape: Tape, problems: string[]): void {
  const kind = tape.choose(6);
  const attempt = world.running[tape.choose(Math.max(1, world.running.length))];
  if (kind <= 2 || attempt === undefined) ask(world, tape, problems, null);
  else if (kind === 3) settleOne(world, tape, attempt);
  // The process died: the next attempt asks again, and what the dead one held is free.
  else if (kind === 4) ask(world, tape, problems, attempt);
  else letTimePass(world, tape.choose(30) * HOUR_MS);
}

/** No turn runs for days: what it held is released when it ends, whatever ended it. */
function letTimePass(world: World, ms: number): void {
  world.nowMs += ms;
  const overdue = world.running.filter(({ startedAtMs }) => world.nowMs - startedAtMs > LONGEST_TURN_MS);
  for (const attempt of overdue) {
    world.ledger = release(world.ledger, attempt.ask.turnId);
    world.running.splice(world.running.indexOf(attempt), 1);
  }
}

function ask(world: World, tape: Tape, problems: string[], dead: Attempt | null): void {
  const minMicros = 1 + tape.choose(10);
  const maxMicros = minMicros + tape.choose(30);
  world.turns += 1;
  const fresh = { turnId: `turn_${world.turns}`, step: 1, attempt: 1 };
  const place = dead === null ? fresh : { ...dead.ask, attempt: dead.ask.attempt + 1 };
  const request: Ask = {
    turnId: place.turnId,
    step: place.step,
    attempt: place.attempt,
    principalId: dead?.ask.principalId ?? PEOPLE[tape.choose(2)] ?? '',
    spentMicros: 0,
    priced: true,
    minMicros,
    reducedMicros: Math.min(maxMicros, minMicros + 5),
    maxMicros,
  };
  const before = world.ledger;
  const { ledger, decision } = reserve(before, request, world.nowMs);
  world.ledger = ledger;
  if (dead !== null) world.running.splice(world.running.indexOf(dead), 1);
  if (decision.kind === 'granted')
    world.running.push({ ask: request, granted: decision.grantedMicros ?? 0, startedAtMs: world.nowMs });
  else if (leftOf(world, request.principalId) >= request.maxMicros) problems.push('refused although all of it fits');
}

function leftOf({ ledger, nowMs }: World, principalId: string): number {
  const lefts = ledger.accounts
    .filter((account) => appliesTo(account, principalId))
    .map((account) => account.limitMicros - rolled(account, nowMs).usedMicros - heldOf(ledger.holds, account.id));
  return Math.min(...lefts);
}

function settleOne(world: World, tape: Tape, attempt: Attempt): void {
  const { turnId, step: stepNumber, attempt: number, principalId } = attempt.ask;
  const cost = Math.max(0, attempt.granted - tape.choose(20) + tape.choose(MAX_OVERCHARGE + 1));
  world.ledger = settle(
    world.ledger,
    { turnId, step: stepNumber, attempt: number, principalId, costMicros: cost },
    world.nowMs,
  );
  world.running.splice(world.running.indexOf(attempt), 1);
  world.settled.push({ principalId, cost, atMs: world.nowMs });
}

/** Used is what was charged in the period, to the last micro; beyond the limit only by what providers charged beyond their grants. */
function overshoots({ ledger, nowMs, settled }: World): string[] {
  return ledger.accounts.flatMap((account) => {
    const start = periodStart(account.period, nowMs);
    const charged = settled.filter((each) => appliesTo(account, each.principalId) && each.atMs >= start);
    const sum = charged.reduce((total, { cost }) => total + cost, 0);
    const used = rolled(account, nowMs).usedMicros;
    const overcharged = charged.length * MAX_OVERCHARGE;
    const held = heldOf(ledger.holds, account.id);
    return [
      ...(used === sum ? [] : [`${account.id}: ${used} used, ${sum} charged`]),
      ...(used <= account.limitMicros + overcharged ? [] : [`${account.id}: ${used} used of ${account.limitMicros}`]),
      ...(held >= 0 && (held === 0 || used + held <= account.limitMicros + overcharged)
        ? []
        : [`${account.id}: ${held} held`]),
    ];
  });
}
