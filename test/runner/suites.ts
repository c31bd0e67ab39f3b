/** The suites of test/: one folder each. The order is the order of `npm test`: what fails fast comes first. */
export interface Suite {
  readonly name: string;
  readonly proves: string;
  readonly testTimeoutMs: number;
  /** Files at a time. Tests that mostly wait (products, servers) share two cores well; two workers that replay all day do not. */
  readonly filesAtOnce: number;
  /** Runs at the same time as this one: both wait a good part of their time. */
  readonly beside?: string;
}

export const SUITES: readonly Suite[] = [
  { name: 'unit', proves: 'pure code', testTimeoutMs: 10_000, filesAtOnce: 2 },
  { name: 'simulation', proves: 'any order of slow, killed and late parts', testTimeoutMs: 60_000, filesAtOnce: 1 },
  { name: 'architecture', proves: 'import rules, sizes, bundle, docs', testTimeoutMs: 60_000, filesAtOnce: 2 },
  { name: 'adapter', proves: 'each port over each adapter', testTimeoutMs: 60_000, filesAtOnce: 3 },
  { name: 'api', proves: 'HTTP over fakes', testTimeoutMs: 20_000, filesAtOnce: 2 },
  { name: 'workflow', proves: 'workflows on a real worker', testTimeoutMs: 60_000, filesAtOnce: 1, beside: 'adapter' },
  { name: 'replay', proves: 'recorded histories', testTimeoutMs: 60_000, filesAtOnce: 1 },
  { name: 'hostile', proves: 'egress gate, jail, input corpora', testTimeoutMs: 60_000, filesAtOnce: 2, beside: 'e2e' },
  { name: 'e2e', proves: 'the started product and real clients', testTimeoutMs: 120_000, filesAtOnce: 3 },
];
