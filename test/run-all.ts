/**
 * `npm test`: sets up what the suites need, runs them one after the other, and ends with one line that sums them up.
 * Name suites to run only those: `npm test -- unit api`. Nothing needs to be prepared by hand.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareTestEnvironment } from './runner/prepare-environment.js';
import { runSuite } from './runner/run-suite.js';
import type { SuiteResult } from './runner/suite-result.js';
import { toSummaryLine } from './runner/suite-result.js';
import type { Suite } from './runner/suites.js';
import { SUITES } from './runner/suites.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const cacheDir = join(root, '.cache');

const FAILED_SETUP = { name: 'set-up', passed: 0, failed: 1, skipped: 0, durationMs: 0 };

function chooseSuites(names: readonly string[]): readonly Suite[] {
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    throw new Error(`No such suite: ${unknown.join(', ')}. There are ${SUITES.map(({ name }) => name).join(', ')}.`);
  }
  return names.length === 0 ? SUITES : SUITES.filter(({ name }) => names.includes(name));
}

function printSummary(results: readonly SuiteResult[]): void {
  console.log('\nSuite          passed  failed  skipped  seconds');
  for (const { name, passed, failed, skipped, durationMs, problems } of results) {
    const numbers = [String(passed).padStart(6), String(failed).padStart(8), String(skipped).padStart(9)];
    console.log(`${name.padEnd(15)}${numbers.join('')}${(durationMs / 1000).toFixed(1).padStart(9)}`);
    for (const problem of problems) console.log(`  problem: ${problem}`);
  }
  console.log(`\n${toSummaryLine(results)}`);
}

async function main(): Promise<void> {
  const suites = chooseSuites(process.argv.slice(2));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const { env, problems } = await prepareTestEnvironment(cacheDir, (line) => console.log(line));
  const results: SuiteResult[] = problems.map((problem) => ({ ...FAILED_SETUP, problems: [problem] }));
  for (const { name, proves } of suites) {
    if (stop.signal.aborted) break;
    console.log(`\n== ${name}: ${proves}`);
    const reportFile = join(cacheDir, 'test-results', `${name}.json`);
    results.push(await runSuite(name, { root, reportFile, env, signal: stop.signal }));
  }
  printSummary(results);
  const failed = stop.signal.aborted || results.some((result) => result.failed > 0);
  process.exitCode = failed ? 1 : 0;
}

await main();
