/** What was crashed, as a table: a row for each point, and the points no turn ever reaches. */
import type { CrashOutcome } from './crash-points-case.js';
import type { FoundCases } from './find-crash-cases.js';

export function crashPointTable(outcomes: readonly CrashOutcome[], found: FoundCases): readonly string[] {
  const byPoint = new Map<string, CrashOutcome[]>();
  for (const outcome of outcomes) {
    const { point } = outcome.crash;
    byPoint.set(point, [...(byPoint.get(point) ?? []), outcome]);
  }
  const rows = [...byPoint].sort(([left], [right]) => (left < right ? -1 : 1)).map(([point, its]) => row(point, its));
  const crashed = [...byPoint].filter(([, its]) => its.some(({ died }) => died)).length;
  const reached = new Set(found.all.map(({ point }) => point));
  return [
    '',
    'point                                    crashed  held  broken  shapes',
    ...rows,
    '',
    `${crashed} of ${reached.size} points that are reached were crashed.`,
  ];
}

function row(point: string, outcomes: readonly CrashOutcome[]): string {
  const died = outcomes.filter((outcome) => outcome.died).length;
  const broken = outcomes.filter(({ violations }) => violations.length > 0).length;
  const shapes = [...new Set(outcomes.map(({ crash }) => crash.shape.name))].join(', ');
  const number = (value: number, width: number): string => String(value).padStart(width);
  return `${point.padEnd(40)}${number(died, 8)}${number(died - broken, 6)}${number(broken, 8)}  ${shapes}`;
}
