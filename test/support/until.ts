/** Wait for a condition, not for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function until<T>(look: () => T | Promise<T>, what: string, timeoutMs = 15_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    await sleep(20);
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`);
}
