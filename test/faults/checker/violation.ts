/** A broken promise: which one (INV of docs/reliability.md), where, and what was seen. */
export interface Violation {
  readonly inv: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
  readonly where: string;
  readonly what: string;
}

export const INVARIANTS: Readonly<Record<Violation['inv'], string>> = {
  1: 'no acknowledged message is lost',
  2: 'a keyed effect happens once, an unkeyed one at most once and never silently',
  3: 'what the client was shown is what is stored',
  4: 'event numbers rise without gaps, and there is one terminal event',
  5: 'the usage ledger is what the provider saw',
  6: 'nothing of another turn or tenant',
  7: 'the audit chain is whole',
  8: 'no secret in history, logs, database or errors',
  9: 'every history replays',
  10: 'no turn is stuck',
};

/** Keys in one order, so that equal values are equal texts. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
