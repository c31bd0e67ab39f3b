/**
 * `npm test`: sets up what the suites need, runs them, some beside each other, and ends with one line that sums them up.
 * Name suites to run only those: `npm test -- unit api`. Nothing needs to be prepared by hand.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareTestEnvironment } from './runner/prepare-environment.js';
import { runSuite } from './runner/run-suite.js';
import type { SuiteOptions } from './runner/run-suite.js';
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

/** Suites that run at the same time; the first one's output is shown as it comes, that of the others after it. */
function toGroups(suites: readonly Suite[]): readonly (readonly Suite[])[] {
  const leads = suites.filter(({ beside }) => !suites.some(({ name }) => name === beside));
  return leads.map((lead) => [lead, ...suites.filter(({ beside }) => beside === lead.name)]);
}

async function runGroup(
  group: readonly Suite[],
  options: Pick<SuiteOptions, 'root' | 'env' | 'signal'>,
): Promise<readonly SuiteResult[]> {
  const [lead] = group;
  const file = (name: string): string => join(cacheDir, 'test-results', name);
  await mkdir(file(''), { recursive: true });
  console.log(group.map(({ name, proves }) => `\n== ${name}: ${proves}`).join(''));
  const results = await Promise.all(
    group.map(({ name }) => {
      const output = name === lead?.name ? {} : { outputFile: file(`${name}.log`) };
      return runSuite(name, { ...options, reportFile: file(`${name}.json`), ...output });
    }),
  );
  for (const { name } of group.slice(1)) {
    console.log(`\n== ${name}, which ran beside ${lead?.name ?? ''}`);
    console.log(await readFile(file(`${name}.log`), 'utf8'));
  }
  return results;
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
  for (const group of toGroups(suites)) {
    if (stop.signal.aborted) break;
    results.push(...(await runGroup(group, { root, env, signal: stop.signal })));
  }
  printSummary(results);
  const failed = stop.signal.aborted || results.some((result) => result.failed > 0);
  process.exitCode = failed ? 1 : 0;
}

await main();
