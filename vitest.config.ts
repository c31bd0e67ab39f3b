/** One vitest project per suite of test/runner/suites.ts: `npx vitest run --project unit`. */
import { defineConfig } from 'vitest/config';
import { SUITES } from './test/runner/suites.js';

export default defineConfig({
  test: {
    projects: SUITES.map(({ name, testTimeoutMs, filesAtOnce }) => ({
      extends: true as const,
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: testTimeoutMs,
        // Starting a server is part of a hook, and a cold machine is slow.
        hookTimeout: 120_000,
        teardownTimeout: 30_000,
        maxWorkers: filesAtOnce,
        fileParallelism: filesAtOnce > 1,
        // Files share a process and what it has loaded, which is half of the time of most suites: no test leaves anything
        // behind in a module.
        isolate: false,
      },
    })),
  },
});
