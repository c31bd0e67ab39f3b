/** `npm run hostile`: every attack corpus against the product, with how many payloads each had. Ends with `N passed, N failed`. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareTestEnvironment } from '../runner/prepare-environment.js';
import { runSuite } from '../runner/run-suite.js';
import { toSummaryLine } from '../runner/suite-result.js';
import { COUNTS_VARIABLE, readCounts } from './case-count.js';

/** Cases whose way in does not exist: whoever builds it brings the corpus. */
const NOT_YET: readonly string[] = [
  '  multipart bodies (26): no route takes one; that each is answered with 415 is among the content types',
  '  descriptions, schemas and servers of MCP tools (40-45): there is no MCP client; tools are the operator’s own code',
  '  logins (7-11), archives, office files and PDFs (20-22), chains and their expressions (32-34), the web page (52)',
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const results = join(root, '.cache', 'test-results');
const countsFile = join(results, 'hostile-counts.jsonl');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const prepared = await prepareTestEnvironment(join(root, '.cache'), (line) => console.log(line));
await mkdir(results, { recursive: true });
await rm(countsFile, { force: true });
const result = await runSuite('hostile', {
  root,
  reportFile: join(results, 'hostile.json'),
  env: { ...prepared.env, [COUNTS_VARIABLE]: countsFile },
  signal: stop.signal,
});
const counts = readCounts(await readFile(countsFile, 'utf8').catch(() => ''));
const width = Math.max(0, ...counts.map(({ corpus }) => corpus.length));
console.log('\nPayloads');
for (const { corpus, required, payloads } of [...counts].sort((left, right) => (left.corpus < right.corpus ? -1 : 1))) {
  console.log(`${String(payloads).padStart(8)}  ${corpus.padEnd(width)}  ${required}`);
}
console.log(
  `${String(counts.reduce((sum, { payloads }) => sum + payloads, 0)).padStart(8)}  in all, in ${Math.round(result.durationMs / 1000)} s`,
);
console.log(
  `\nNot in it, because there is nothing to attack yet (docs/attacks.md has every case):\n${NOT_YET.join('\n')}`,
);
for (const problem of [...prepared.problems, ...result.problems]) console.log(`problem: ${problem}`);
console.log(`\n${toSummaryLine([result])}`);
process.exitCode = result.failed > 0 || prepared.problems.length > 0 || stop.signal.aborted ? 1 : 0;
