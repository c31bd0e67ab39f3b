/**
 * Proves that the workflow bundle builds, offers exactly the workflows we mean to offer, stays small (it is evaluated for
 * every run) and holds no parser: what a validator accepts must not decide how a history replays.
 */
import { createRequire } from 'node:module';
import type { LogEntry } from '@temporalio/worker';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import * as workflows from '../../workflows/index.js';

const EXPECTED_WORKFLOWS = ['turn', 'undo'];
const MAX_BYTES = 2 * 1024 * 1024;
/** What the Temporal SDK itself brings into the sandbox. */
const OF_THE_SDK = ['long', 'ms', 'nexus-rpc'];
const INLINE_SOURCE_MAP = /\n\/\/# sourceMappingURL=.*\s*$/;

describe('workflow bundle', () => {
  let code = '';
  const warnings: LogEntry[] = [];

  beforeAll(async () => {
    const logger = new DefaultLogger('WARN', (entry) => warnings.push(entry));
    const workflowsPath = createRequire(import.meta.url).resolve('../../workflows/index.ts');
    ({ code } = await bundleWorkflowCode({ workflowsPath, logger }));
    code = code.replace(INLINE_SOURCE_MAP, '');
  });

  it('exports: workflows/index.ts -> exactly the expected workflow types', () => {
    expect(Object.keys(workflows).sort()).toEqual(EXPECTED_WORKFLOWS);
  });

  it('exports: every workflow -> a function that carries the name it is started by', () => {
    for (const [name, workflow] of Object.entries(workflows)) expect(workflow.name).toBe(name);
  });

  it('bundle: built -> without warnings, under its byte budget', () => {
    expect(warnings.map(({ message }) => message)).toEqual([]);
    expect(Buffer.byteLength(code)).toBeGreaterThan(10_000);
    expect(Buffer.byteLength(code)).toBeLessThan(MAX_BYTES);
  });

  it('bundle: packages in it -> none but those of Temporal', () => {
    const packages = [...code.matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g)].map((match) => match[1]);
    const names = [...new Set(packages)].sort();
    expect(names).toContain('@temporalio/workflow');
    const foreign = names.filter(
      (name) => name?.startsWith('@temporalio/') !== true && !OF_THE_SDK.includes(name ?? ''),
    );
    expect(foreign).toEqual([]);
  });
});
