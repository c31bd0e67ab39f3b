/** Proves that the summary of `npm test` counts what happened, and that a suite which broke is never counted as passed. */
import { describe, expect, it } from 'vitest';
import { toSuiteResult, toSummaryLine } from '../../runner/suite-result.js';

const file = (status: string, tests: readonly string[], message = ''): object => ({
  name: 'some.test.ts',
  status,
  message,
  assertionResults: tests.map((test) => ({ status: test })),
});
const aRun = (files: readonly object[], exitCode: number | null = 0): Parameters<typeof toSuiteResult>[0] => ({
  name: 'unit',
  durationMs: 1,
  exitCode,
  report: JSON.stringify({ testResults: files }),
});

describe('suite result', () => {
  it('report: passed, failed, pending and todo tests -> counted', () => {
    const result = toSuiteResult(aRun([file('failed', ['passed', 'passed', 'failed', 'pending', 'todo'])], 1));
    expect(result).toMatchObject({ passed: 2, failed: 1, skipped: 2, problems: [] });
  });

  it('report: a file that does not load -> one failure beside the others', () => {
    const result = toSuiteResult(aRun([file('passed', ['passed']), file('failed', [], 'boom\nat line 1')], 1));
    expect(result).toMatchObject({ passed: 1, failed: 1, problems: ['some.test.ts: boom'] });
  });

  it('report: no tests at all -> a failure', () => {
    expect(toSuiteResult(aRun([]))).toMatchObject({ passed: 0, failed: 1, problems: ['the suite has no tests'] });
  });

  it.each([
    ['missing', null],
    ['cut', '{"testResults": ['],
    ['something else', '[]'],
  ])('report: %s -> a failure', (_, report) => {
    expect(toSuiteResult({ name: 'unit', durationMs: 1, exitCode: 0, report })).toMatchObject({ passed: 0, failed: 1 });
  });

  it.each([[null], [1]])('process: all tests passed but exit code %s -> a failure', (exitCode) => {
    expect(toSuiteResult(aRun([file('passed', ['passed'])], exitCode))).toMatchObject({ passed: 1, failed: 1 });
  });
});

describe('summary line', () => {
  const result = { name: 'unit', passed: 2, failed: 1, skipped: 0, durationMs: 1, problems: [] };

  it('suites: several -> one sum', () => {
    expect(toSummaryLine([result, { ...result, passed: 3 }])).toBe('5 passed, 2 failed');
  });

  it('suites: with skipped tests -> named at the end', () => {
    expect(toSummaryLine([{ ...result, skipped: 4 }])).toBe('2 passed, 1 failed, 4 skipped');
  });
});
