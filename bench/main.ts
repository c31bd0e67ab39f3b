/**
 * Benchmarks: `npm run bench -- <name> [--json <file>]`. Each reports its figures against their bounds; none is a test,
 * because a busy machine must not fail a build.
 */
import { writeFile } from 'node:fs/promises';
import type { BenchReport } from './support/report.js';
import { benchInFlight } from './in-flight-bench.js';
import { benchLongTurn } from './long-turn-bench.js';
import { benchReconnect } from './reconnect-bench.js';
import { benchRestart } from './restart-bench.js';
import { benchStop } from './stop-bench.js';
import { benchTurn } from './turn/turn-bench.js';

const BENCHES: Readonly<Record<string, () => Promise<BenchReport>>> = {
  turn: benchTurn,
  stop: benchStop,
  reconnect: benchReconnect,
  restart: benchRestart,
  'long-turn': benchLongTurn,
  'in-flight': benchInFlight,
};

const [name = '', option, file] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined || (option !== undefined && (option !== '--json' || file === undefined))) {
  console.error(`Usage: npm run bench -- <${Object.keys(BENCHES).join('|')}> [--json <file>]`);
  process.exit(2);
}
const report = await bench();
const width = Math.max(...report.rows.map((row) => row.what.length));
for (const row of report.rows) {
  console.log(`${row.met ? ' ' : '!'} ${row.what.padEnd(width)}  ${row.measured}  (${row.bound})`);
}
if (file !== undefined) await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
