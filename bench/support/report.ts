/** What a benchmark says: rows for people, each against its bound, and the series behind them for programs. */
import type { Summary } from './statistics.js';

export interface BenchRow {
  readonly what: string;
  readonly measured: string;
  readonly bound: string;
  readonly met: boolean;
}

export interface BenchReport {
  readonly rows: readonly BenchRow[];
  readonly series: Readonly<Record<string, Summary | number | Readonly<Record<string, number>>>>;
}

/** A figure that has no bound of its own: others are compared with it, or it explains them. */
export function fact(what: string, measured: string, note = 'for comparison'): BenchRow {
  return { what, measured, bound: note, met: true };
}

export function atMost(what: string, value: number, bound: number, unit: string): BenchRow {
  return { what, measured: `${show(value)} ${unit}`, bound: `at most ${bound} ${unit}`, met: value <= bound };
}

export function atLeast(what: string, value: number, bound: number, unit: string): BenchRow {
  return { what, measured: `${show(value)} ${unit}`, bound: `at least ${bound} ${unit}`, met: value >= bound };
}

export function show(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toString() : value.toFixed(1);
}
