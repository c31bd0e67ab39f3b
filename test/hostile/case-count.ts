/** How many payloads each corpus has, told to `npm run hostile`, which prints them. */
import { appendFileSync } from 'node:fs';

/** Set by `npm run hostile`; without it nothing is written. */
export const COUNTS_VARIABLE = 'HOSTILE_COUNTS';

export interface CaseCount {
  /** What is attacked. */
  readonly corpus: string;
  /** What none of them may achieve. */
  readonly required: string;
  readonly payloads: number;
}

export function countCases(count: CaseCount): void {
  const file = process.env[COUNTS_VARIABLE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(count)}\n`);
}

/** How many inputs a property is given: many in `npm run hostile`, few in `npm test`. */
export function madeUpInputs(): number {
  return process.env[COUNTS_VARIABLE] === undefined ? 60 : 500;
}

export function readCounts(text: string): readonly CaseCount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CaseCount);
}
