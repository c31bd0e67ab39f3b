/** Counts a suite from vitest's JSON report, and never lets a suite that broke look like one that passed. */
export interface SuiteResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
  /** What went wrong outside a test: a file that does not load, a crash, a missing report. */
  readonly problems: readonly string[];
}

export interface SuiteRun {
  readonly name: string;
  readonly durationMs: number;
  /** Null when the process was ended by a signal. */
  readonly exitCode: number | null;
  /** Text of the JSON report; null when there is none. */
  readonly report: string | null;
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

function parseReport(text: string): VitestReport | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && 'testResults' in parsed ? (parsed as VitestReport) : null;
  } catch {
    // A process that was killed leaves half a report; the caller counts it as a failure.
    return null;
  }
}

/** Files that failed without a failed test: they did not load, or a hook broke. */
function brokenFiles(report: VitestReport): string[] {
  return report.testResults
    .filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    )
    .map(({ name, message }) => `${name}: ${message.split('\n')[0] ?? 'failed'}`);
}

function findProblems(run: SuiteRun, tests: number, failed: number, broken: readonly string[]): readonly string[] {
  if (broken.length > 0) return broken;
  if (run.exitCode === null) return ['the suite was stopped before it ended'];
  if (tests === 0) return ['the suite has no tests'];
  if (run.exitCode !== 0 && failed === 0) return [`no test failed, but the suite ended with exit code ${run.exitCode}`];
  return [];
}

export function toSuiteResult(run: SuiteRun): SuiteResult {
  const { name, durationMs } = run;
  const report = run.report === null ? null : parseReport(run.report);
  if (report === null) {
    return { name, durationMs, passed: 0, failed: 1, skipped: 0, problems: ['the suite left no readable report'] };
  }
  const statuses = report.testResults.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  const count = (...wanted: string[]): number => statuses.filter((status) => wanted.includes(status)).length;
  const failed = count('failed');
  const problems = findProblems(run, statuses.length, failed, brokenFiles(report));
  return {
    name,
    durationMs,
    passed: count('passed'),
    failed: failed + problems.length,
    skipped: statuses.length - count('passed', 'failed'),
    problems,
  };
}

/** The line everything ends with: `12 passed, 0 failed` and, when there are any, `, 3 skipped`. */
export function toSummaryLine(results: readonly SuiteResult[]): string {
  const total = (key: 'passed' | 'failed' | 'skipped'): number => results.reduce((sum, result) => sum + result[key], 0);
  const skipped = total('skipped');
  return `${total('passed')} passed, ${total('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
