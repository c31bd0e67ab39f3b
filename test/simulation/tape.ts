/** A schedule is a tape of numbers: each decision takes the next one. A tape that is over always takes the first choice. */
export interface Tape {
  /** A number from 0 to below `options`. */
  choose(options: number): number;
  /** True once in `oneIn` on average; false when the tape is over, so that every schedule ends. */
  rarely(oneIn: number): boolean;
}

export function createTape(numbers: readonly number[]): Tape {
  let at = 0;
  const next = (): number => {
    const number = numbers[at] ?? 0;
    at += 1;
    return number;
  };
  return {
    choose: (options) => next() % options,
    rarely: (oneIn) => at < numbers.length && next() % oneIn === oneIn - 1,
  };
}
