/**
 * One vitest project per folder of test/. Pure suites run in parallel; suites that start servers take turns, so that two
 * cores are never asked to run two Temporals, two PostgreSQLs and two browsers at once.
 */
import { defineConfig } from 'vitest/config';

interface Suite {
  readonly name: string;
  readonly testTimeout: number;
  /** Files at once. */
  readonly parallel: boolean;
}

const SUITES: readonly Suite[] = [
  { name: 'unit', testTimeout: 10_000, parallel: true },
  { name: 'architecture', testTimeout: 60_000, parallel: true },
  { name: 'adapter', testTimeout: 60_000, parallel: true },
  { name: 'api', testTimeout: 20_000, parallel: true },
  { name: 'workflow', testTimeout: 60_000, parallel: false },
  { name: 'replay', testTimeout: 60_000, parallel: false },
  { name: 'hostile', testTimeout: 60_000, parallel: true },
  { name: 'e2e', testTimeout: 120_000, parallel: false },
];

export default defineConfig({
  test: {
    globals: false,
    maxWorkers: 2,
    coverage: {
      provider: 'istanbul',
      include: ['{domain,workflows,activities,api,tools,adapters,workers,cli}/**/*.ts'],
    },
    projects: SUITES.map(({ name, testTimeout, parallel }) => ({
      extends: true as const,
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        environment: 'node' as const,
        testTimeout,
        // Starting a server is part of a hook, and a cold machine is slow.
        hookTimeout: 120_000,
        teardownTimeout: 30_000,
        fileParallelism: parallel,
      },
    })),
  },
});
