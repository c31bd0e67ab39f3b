/** Starts the world outside (provider and effect ledger) and reads what it saw. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REPOSITORY } from '../../support/product-process.js';
import type { OutsideLog } from './outside-log.js';
import { readOutsideLog } from './outside-log.js';

const PROGRAM = fileURLToPath(new URL('./outside-main.ts', import.meta.url));
const TSX = join(REPOSITORY, 'node_modules', '.bin', 'tsx');

export interface Outside {
  readonly providerPort: number;
  readonly ledgerUrl: string;
  log(): OutsideLog;
  stop(): Promise<void>;
}

export async function startOutside(logFile: string): Promise<Outside> {
  const child = spawn(TSX, [PROGRAM, logFile], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), ended.then(() => null)]);
  if (first === null) throw new Error('the world outside did not start');
  const { provider, ledger } = JSON.parse(String(first[0])) as { provider: number; ledger: number };
  return {
    providerPort: provider,
    ledgerUrl: `http://127.0.0.1:${ledger}/`,
    log: () => readOutsideLog(logFile),
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
