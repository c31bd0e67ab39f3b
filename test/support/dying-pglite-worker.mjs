/** PGlite's worker, but its thread ends as soon as it is sent a query that says so. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', ({ bytes }) => {
  if (bytes !== undefined && Buffer.from(bytes).includes('please die')) process.exit(9);
});
await import('../../adapters/pglite/pglite-worker.mjs');
