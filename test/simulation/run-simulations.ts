/**
 * `npm run simulate -- [--seconds 60] [--seed N] [--only turn]`: as many seeded schedules as the time allows, half of it for the
 * turn, on every processor. A failure prints the schedule, and the command that plays it again: `--play turn:SEED:LENGTH`.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { schedules } from './schedule.js';
import type { Schedule } from './schedule.js';
import { SIMULATIONS } from './simulations.js';
import type { Simulation } from './simulations.js';

interface Job {
  readonly name: string;
  readonly seed: number;
  readonly ms: number;
}
interface Outcome {
  readonly name: string;
  readonly played: number;
  readonly failure: string | null;
}

const named = (name: string): Simulation => {
  const found = SIMULATIONS.find((each) => each.name === name);
  if (found === undefined)
    throw new Error(`No simulation ${name}. There are ${SIMULATIONS.map((each) => each.name).join(', ')}.`);
  return found;
};

async function playFor({ name, seed, ms }: Job): Promise<Outcome> {
  const simulation = named(name);
  let played = 0;
  const property = fc.asyncProperty(schedules(), async (schedule) => {
    played += 1;
    const problems = await simulation.play(schedule);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  });
  const result = await fc.check(property, { seed, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: ms });
  if (!result.failed || result.interrupted) return { name, played, failure: null };
  const [{ seed: scheduleSeed, length }] = result.counterexample as unknown as [Schedule];
  const replay = `npm run simulate -- --play ${name}:${scheduleSeed}:${length}`;
  return { name, played, failure: `${String(result.errorInstance)}\n  plays again with: ${replay}` };
}

function inProcess(job: Job): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ['--job', JSON.stringify(job)]);
    let outcome: Outcome | null = null;
    child.once('message', (message) => (outcome = message as Outcome));
    child.once('error', reject);
    child.once('exit', (code) => {
      if (outcome === null) reject(new Error(`The process of ${job.name} ended with ${String(code)}.`));
      else resolve(outcome);
    });
  });
}

async function playOne(text: string): Promise<void> {
  const [name = '', seed, length] = text.split(':');
  const problems = await named(name).play({ seed: Number(seed), length: Number(length) });
  console.log(problems.length === 0 ? 'Nothing is wrong under this schedule.' : problems.join('\n'));
  process.exitCode = problems.length === 0 ? 0 : 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      play: { type: 'string' },
      /** Of this program's own children. */
      job: { type: 'string' },
    },
  });
  if (values.job !== undefined) {
    process.send?.(await playFor(JSON.parse(values.job) as Job));
    return undefined;
  }
  if (values.play !== undefined) return playOne(values.play);
  const seconds = Number(values.seconds ?? 60);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const chosen = values.only === undefined ? SIMULATIONS : [named(values.only)];
  const threads = availableParallelism();
  console.log(`Simulating for ${seconds} s on ${threads} processors, seed ${seed}`);
  const startedMs = performance.now();
  const outcomes: Outcome[] = [];
  for (const { name } of chosen) {
    const ms = (seconds * 1000 * shareOf(name)) / chosen.reduce((sum, each) => sum + shareOf(each.name), 0);
    const jobs = Array.from({ length: threads }, (_each, thread): Job => ({ name, seed: seed + thread, ms }));
    outcomes.push(...(await Promise.all(jobs.map(inProcess))));
  }
  report(outcomes, (performance.now() - startedMs) / 60_000);
  return undefined;
}

const shareOf = (name: string): number => (name === 'turn' ? 2 : 1);

function report(outcomes: readonly Outcome[], minutes: number): void {
  for (const { name } of SIMULATIONS) {
    const own = outcomes.filter((outcome) => outcome.name === name);
    const played = own.reduce((sum, outcome) => sum + outcome.played, 0);
    if (own.length > 0) console.log(`${name.padEnd(10)} ${String(played).padStart(9)} schedules`);
    for (const { failure } of own) if (failure !== null) console.log(`  FAILED: ${failure}`);
  }
  const all = outcomes.reduce((sum, { played }) => sum + played, 0);
  const failed = outcomes.filter(({ failure }) => failure !== null).length;
  console.log(`${all} schedules, ${Math.round(all / minutes)} a minute, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
