/** What a product writes down of its crash points: which there are, and which it reached. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { traceFile } from '../world/world.js';
import type { World } from '../world/world.js';

export function readTrace(world: World): readonly string[] {
  const file = traceFile(world.folder);
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
}

/** The workflow closes after the client has its answer: no point reached for this long means that nothing is left. */
export async function untilQuiet(world: World): Promise<void> {
  const QUIET_MS = 1_200;
  let seen = -1;
  let since = Date.now();
  while (Date.now() - since < QUIET_MS) {
    const now = readTrace(world).length;
    if (now !== seen) since = Date.now();
    seen = now;
    await sleep(50);
  }
}
