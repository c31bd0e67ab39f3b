/** Schedules for fast-check: a seed gives the numbers of a tape, its length is what shrinks. Equal seeds give equal schedules. */
import fc from 'fast-check';
import { createTape } from './tape.js';
import type { Tape } from './tape.js';

export interface Schedule {
  readonly seed: number;
  readonly length: number;
}

/** Longer than any schedule needs decisions; after its end every choice is the first. */
const MAX_LENGTH = 240;

export function schedules(): fc.Arbitrary<Schedule> {
  return fc.record({
    seed: fc.noShrink(fc.noBias(fc.nat(0x7fff_ffff))),
    length: fc.noBias(fc.nat(MAX_LENGTH)),
  });
}

export function tapeOf({ seed, length }: Schedule): Tape {
  let state = (seed ^ 0x9e37_79b9) | 1;
  const numbers = Array.from({ length }, () => {
    // xorshift32: enough for choices among a few, and the same everywhere.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 8;
  });
  return createTape(numbers);
}
