/**
 * Invariant 5: every call on the ledger is one the provider saw, with its counts, and no call is on it twice. A process that
 * dies during a call takes what it knew of it along: such calls are counted and bounded by how often it died. Pure.
 */
import type { ProviderCall } from '../world/outside-log.js';
import type { ModelCallRow, TurnRow } from './database-rows.js';
import type { Violation } from './violation.js';

export interface UsageCheck {
  readonly calls: readonly ProviderCall[];
  readonly rows: readonly ModelCallRow[];
  readonly turns: readonly TurnRow[];
  /** How many calls a death may have taken along: calls under way at each death. */
  readonly mayBeMissing: number;
}

export interface UsageResult {
  readonly violations: readonly Violation[];
  /** Whole answers that no row tells of. */
  readonly unbooked: number;
}

export function checkUsage(check: UsageCheck): UsageResult {
  const { missing, unknown } = matchCalls(check);
  const violations: Violation[] = [...unknown, ...check.turns.flatMap((turn) => sumProblems(turn, check.rows))];
  if (missing > check.mayBeMissing) {
    const what = `${missing} answers are on no row; deaths explain ${check.mayBeMissing}`;
    violations.push({ inv: 5, where: 'ledger', what });
  }
  return { violations, unbooked: missing };
}

const countsKey = (input: number, output: number): string => `${input}/${output}`;

/** Whole answers and completed rows, matched by their counts: plans make them different enough. */
function matchCalls({ calls, rows }: UsageCheck): { missing: number; unknown: readonly Violation[] } {
  const left = new Map<string, number>();
  for (const { usage, end } of calls) {
    if (usage === null || end?.by !== 'server') continue;
    const key = countsKey(usage.input, usage.output);
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  const unknown: Violation[] = [];
  for (const row of rows.filter(({ outcome, usage_estimated: estimated }) => outcome === 'completed' && !estimated)) {
    const key = countsKey(row.input_tokens, row.output_tokens);
    const count = left.get(key) ?? 0;
    left.set(key, count - 1);
    if (count > 0) continue;
    unknown.push({
      inv: 5,
      where: `${row.turn_id} step ${row.step}`,
      what: `no answer of the provider has ${key} tokens`,
    });
  }
  const missing = [...left.values()].filter((count) => count > 0).reduce((sum, count) => sum + count, 0);
  return { missing, unknown };
}

function sumProblems(turn: TurnRow, rows: readonly ModelCallRow[]): readonly Violation[] {
  const own = rows.filter(({ turn_id }) => turn_id === turn.id);
  return (['input_tokens', 'output_tokens', 'cost_micros'] as const).flatMap((field): readonly Violation[] => {
    const sum = own.reduce((total, row) => total + (row[field] ?? 0), 0);
    if (turn[field] === sum) return [];
    return [{ inv: 5, where: turn.id, what: `${field} ${turn[field]} but its calls sum to ${sum}` }];
  });
}
