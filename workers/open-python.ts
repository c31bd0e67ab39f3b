/** The Python runner with the limits of the configuration. */
import { join } from 'node:path';
import type { Config } from '../adapters/config/load-config.js';
import { createPythonRunner } from '../adapters/sandbox/python-runner.js';
import type { Logger } from '../domain/ports/logger.js';
import type { DeferredPython } from './deferred-python.js';
import { createDeferredPython, createDisabledPython } from './deferred-python.js';

const MIB = 1024 * 1024;

export function openPython(config: Config, logger: Logger): DeferredPython {
  const { python } = config;
  if (!python.enabled) return createDisabledPython();
  return createDeferredPython(() =>
    createPythonRunner({
      // Packages are downloads: installations that share a cache share them.
      dataDir: join(config.cacheDir, 'python'),
      poolSize: python.pool_size,
      limits: {
        concurrentJobs: python.concurrent_jobs,
        memoryBytes: python.memory_mb * MIB,
        cpuSeconds: python.cpu_seconds,
        maxTimeoutMs: python.max_timeout_seconds * 1000,
        diskBytes: python.disk_mb * MIB,
        outputBytes: python.output_kb * 1024,
      },
      logger,
    }),
  );
}
