/** Wait for a condition, not for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function until<T>(look: () => T | Promise<T>, what: string, timeoutMs = 15_000): Promise<NonNullable<T>> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(20)) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`);
}
