/** The suites of test/: one folder each. The order is the order of `npm test`: what fails fast comes first. */
export interface Suite {
  readonly name: string;
  readonly proves: string;
  readonly testTimeoutMs: number;
  /** False: its files take turns. Two cores feed two products that mostly wait, but not two workers that replay all day. */
  readonly parallel: boolean;
}

export const SUITES: readonly Suite[] = [
  { name: 'unit', proves: 'pure code', testTimeoutMs: 10_000, parallel: true },
  { name: 'architecture', proves: 'import rules, sizes, bundle, docs', testTimeoutMs: 60_000, parallel: true },
  { name: 'adapter', proves: 'each port over each adapter', testTimeoutMs: 60_000, parallel: true },
  { name: 'api', proves: 'HTTP over fakes', testTimeoutMs: 20_000, parallel: true },
  { name: 'workflow', proves: 'workflows on a real worker', testTimeoutMs: 60_000, parallel: false },
  { name: 'replay', proves: 'recorded histories', testTimeoutMs: 60_000, parallel: false },
  { name: 'hostile', proves: 'egress gate, jail, input corpora', testTimeoutMs: 60_000, parallel: true },
  { name: 'e2e', proves: 'the started product and real clients', testTimeoutMs: 120_000, parallel: true },
];
