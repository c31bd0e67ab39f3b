/** Invariant 8: byte search for secrets over everything the product left in its folder, and in its logs. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Violation } from './violation.js';

const MAX_FILE_BYTES = 256 * 1024 * 1024;

export function checkSecrets(dataDir: string, log: string, secrets: readonly string[]): readonly Violation[] {
  const found: Violation[] = [];
  for (const name of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) {
    const path = join(dataDir, name);
    const facts = statSync(path, { throwIfNoEntry: false });
    if (facts?.isFile() !== true || facts.size > MAX_FILE_BYTES) continue;
    const bytes = readFileSync(path);
    for (const secret of secrets)
      if (bytes.includes(secret)) found.push({ inv: 8, where: name, what: 'a secret is in it' });
  }
  for (const secret of secrets)
    if (log.includes(secret)) found.push({ inv: 8, where: 'log', what: 'a secret is in it' });
  return found;
}
