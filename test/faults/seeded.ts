/** Randomness that a seed replays: the same seed gives the same choices in the same order (mulberry32). */

export interface Seeded {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [from, to]. */
  between(from: number, to: number): number;
  pick<T>(choices: readonly T[]): T;
  shuffled<T>(items: readonly T[]): readonly T[];
  /** A generator of its own for one part, so that parts which run beside each other stay replayable. */
  fork(name: string): Seeded;
}

export function createSeeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    between,
    pick: (choices) => {
      const chosen = choices[between(0, choices.length - 1)];
      if (chosen === undefined) throw new Error('nothing to pick from');
      return chosen;
    },
    shuffled: (items) => {
      const result = [...items];
      for (let last = result.length - 1; last > 0; last -= 1) {
        const other = between(0, last);
        const moved = result[last];
        const chosen = result[other];
        if (moved !== undefined && chosen !== undefined) [result[last], result[other]] = [chosen, moved];
      }
      return result;
    },
    fork: (name) => createSeeded(hash(`${seed}/${name}`)),
  };
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return value >>> 0;
}
