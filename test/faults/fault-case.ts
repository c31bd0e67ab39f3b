/** What a case of the fault run is, and what it reports. */
import type { Violation } from './checker/violation.js';
import type { Seeded } from './seeded.js';

export interface CaseContext {
  readonly seed: Seeded;
  /** The whole of it, in place of the part that fits into a run of continuous integration. */
  readonly full: boolean;
  /** Of a full run: how many turns random faults are tried on. */
  readonly turns: number;
  /** When the bounded part should be over: what is cut is said. A full run, and one that picks, take the time they need. */
  readonly untilMs: number;
  /** Of a case made of many: only those whose name it matches. */
  readonly only: RegExp | null;
  say(line: string): void;
}

export interface CaseResult {
  /** Things tried that held. */
  readonly passed: number;
  /** Things tried that did not, each with what was broken. */
  readonly failed: readonly { readonly what: string; readonly violations: readonly Violation[] }[];
  /** Things that could not be tried here, and why. */
  readonly skipped: readonly string[];
  /** Figures worth printing: name -> value. */
  readonly figures: Readonly<Record<string, string | number>>;
}

export interface FaultCase {
  readonly name: string;
  readonly proves: string;
  run(context: CaseContext): Promise<CaseResult>;
}

/** p50, p95 and worst of some milliseconds, in seconds. */
export function describeTimes(timesMs: readonly number[]): string {
  if (timesMs.length === 0) return 'none';
  const sorted = [...timesMs].sort((left, right) => left - right);
  const at = (share: number): string => {
    const index = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
    return ((sorted[Math.max(0, index)] ?? 0) / 1000).toFixed(1);
  };
  return `p50 ${at(0.5)} s, p95 ${at(0.95)} s, worst ${at(1)} s of ${sorted.length}`;
}
