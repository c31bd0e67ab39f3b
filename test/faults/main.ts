/**
 * `npm run faults`: the fault suite. Without options the bounded part that continuous integration runs; `--full` is the
 * whole of it. `--seed` replays a run, `--case` names one or more cases, `--only` picks by a pattern from what a case is
 * made of, `--turns` says how many turns random faults get.
 */
import { toError } from '../../domain/failures.js';
import { clientsCase } from './cases/clients-case.js';
import { crashPointsCase } from './cases/crash-points-case.js';
import { linksCase } from './cases/links-case.js';
import { machineCase } from './cases/machine-case.js';
import { processesCase } from './cases/processes-case.js';
import { providerFaultsCase } from './cases/provider-faults-case.js';
import { randomFaultsCase } from './cases/random-faults-case.js';
import { INVARIANTS } from './checker/violation.js';
import type { CaseResult, FaultCase } from './fault-case.js';
import { createSeeded } from './seeded.js';

const CASES: readonly FaultCase[] = [
  providerFaultsCase,
  clientsCase,
  machineCase,
  linksCase,
  processesCase,
  randomFaultsCase,
  crashPointsCase,
];
const FULL_TURNS = 20_000;
const BOUNDED_TURNS = 120;
/** Under the ten minutes of continuous integration: the case that comes last takes what the others have left. */
const BOUNDED_MS = 9 * 60_000;

interface Options {
  readonly seed: number;
  readonly full: boolean;
  readonly turns: number;
  readonly only: RegExp | null;
  readonly cases: readonly FaultCase[];
}

function readOptions(args: readonly string[]): Options {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`);
    return at === -1 ? undefined : args[at + 1];
  };
  const full = args.includes('--full');
  const named = value('case')?.split(',');
  const unknown = (named ?? []).filter((name) => !CASES.some((each) => each.name === name));
  if (unknown.length > 0) {
    throw new Error(`no such case: ${unknown.join(', ')}. There are ${CASES.map(({ name }) => name).join(', ')}.`);
  }
  return {
    seed: Number(value('seed') ?? Math.floor(Math.random() * 1_000_000)),
    full,
    turns: Number(value('turns') ?? (full ? FULL_TURNS : BOUNDED_TURNS)),
    only: value('only') === undefined ? null : new RegExp(value('only') ?? ''),
    cases: named === undefined ? CASES : CASES.filter(({ name }) => named.includes(name)),
  };
}

async function runCase(faultCase: FaultCase, options: Options, untilMs: number): Promise<CaseResult> {
  const { full, turns, only } = options;
  const seed = createSeeded(options.seed).fork(faultCase.name);
  const say = (line: string): void => console.log(`  ${line}`);
  try {
    return await faultCase.run({ seed, full, turns, only, untilMs, say });
  } catch (error) {
    console.log(toError(error).stack);
    return { passed: 0, failed: [{ what: toError(error).message, violations: [] }], skipped: [], figures: {} };
  }
}

function printResult(faultCase: FaultCase, options: Options, result: CaseResult): void {
  for (const [name, value] of Object.entries(result.figures)) console.log(`  ${name}: ${value}`);
  for (const reason of result.skipped) console.log(`  SKIPPED ${reason}`);
  for (const { what, violations } of result.failed) {
    console.log(`  FAILED ${what}`);
    for (const { inv, where, what: seen } of violations) {
      console.log(`    INV ${inv} (${INVARIANTS[inv]}): ${where}: ${seen}`);
    }
  }
  if (result.failed.length === 0) return;
  const full = options.full ? ' --full' : '';
  console.log(
    `  replay: npm run faults -- --seed ${options.seed} --case ${faultCase.name} --turns ${options.turns}${full}`,
  );
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  // Children that are waited for do not keep this process alive by themselves.
  setInterval(() => undefined, 60_000);
  console.log(`Fault run, seed ${options.seed}${options.full ? `, full, ${options.turns} turns` : ', bounded'}`);
  const untilMs = options.full || options.only !== null ? Infinity : Date.now() + BOUNDED_MS;
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const faultCase of options.cases) {
    const startedMs = Date.now();
    console.log(`\n== ${faultCase.name}: ${faultCase.proves}`);
    const result = await runCase(faultCase, options, untilMs);
    printResult(faultCase, options, result);
    console.log(
      `  ${result.passed} held, ${result.failed.length} failed, ${result.skipped.length} skipped, ${Math.round((Date.now() - startedMs) / 1000)} s`,
    );
    total.passed += result.passed;
    total.failed += result.failed.length;
    total.skipped += result.skipped.length;
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  process.exit(total.failed > 0 ? 1 : 0);
}

await main();
