/** Figures of a series of measurements. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
}

export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), min: at(0), max: at(1) };
}

/** `callers` run `work` until `count` are done. @returns how many a second. */
export async function ratePerSecond(
  count: number,
  callers: number,
  work: (caller: number) => Promise<unknown>,
): Promise<number> {
  let left = count;
  const startedMs = performance.now();
  const caller = async (index: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_none, index) => caller(index)));
  return count / ((performance.now() - startedMs) / 1000);
}

/** Asks until the answer is not null. @throws after `timeoutMs`, naming what was waited for. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null> | T | null,
  timeoutMs: number,
  everyMs = 20,
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== null) return found;
    if (Date.now() > deadlineMs) throw new Error(`after ${timeoutMs} ms still waiting for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
