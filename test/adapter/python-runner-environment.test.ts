/** Proves how the package folder comes to be: built once, safe beside others and after a crash, never in the way of plain code. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findInterpreter } from '../../adapters/sandbox/python-interpreter.js';
import { packagesFor } from '../../adapters/sandbox/python-packages.js';
import type { PythonRunnerOptions } from '../../adapters/sandbox/python-runner.js';
import { createPythonRunner } from '../../adapters/sandbox/python-runner.js';
import type { PythonRunner } from '../../domain/ports/tool-runtime.js';
import { createTestRunner, jailMissing, pythonJob } from '../support/python-runners.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { TEST_CACHE_DIR } from '../support/test-cache.js';

const missing = await jailMissing();
const title = missing === null ? '' : ` (skipped: ${missing})`;

/** A wheel with one module, made here: nothing is fetched. */
function makeWheel(folder: string, value: string): string {
  const wheel = join(folder, 'tinything-1.0-py3-none-any.whl');
  const script = [
    'import sys, zipfile',
    'with zipfile.ZipFile(sys.argv[1], "w") as z:',
    '    z.writestr("tinything.py", "value = " + repr(sys.argv[2]))',
    '    z.writestr("tinything-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tinything\\nVersion: 1.0\\n")',
    '    z.writestr("tinything-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")',
    '    z.writestr("tinything-1.0.dist-info/RECORD", "")',
  ].join('\n');
  execFileSync('python3', ['-c', script, wheel, value]);
  return wheel;
}

const IMPORT = 'import tinything\nprint(tinything.value)';

function runnerWith(
  dataDir: string,
  packages: readonly string[],
  changes: Partial<PythonRunnerOptions> = {},
): PythonRunner {
  return createTestRunner({ dataDir, packages, ...changes });
}

describe.skipIf(missing !== null)(`Python environment${title}`, () => {
  it('first start -> installed, importable, ready; second start -> nothing is installed again', async () => {
    const dataDir = temporaryFolder();
    const wheel = makeWheel(temporaryFolder(), 'first');
    const first = runnerWith(dataDir, [wheel]);
    expect(await first.run(pythonJob(IMPORT))).toMatchObject({ status: 'completed', stdout: 'first\n' });
    const { logger, lines } = createRecordingLogger();
    const second = runnerWith(dataDir, [wheel], { logger });
    expect((await second.run(pythonJob(IMPORT))).stdout).toBe('first\n');
    expect(lines.filter(({ message }) => message.includes('installing'))).toEqual([]);
    expect(readdirSync(dataDir)).toEqual([expect.stringMatching(/^python-env-[0-9a-f]{12}$/)]);
  });

  it('packages that cannot be had -> ready with the standard library, the reason in the detail, no partial folder', async () => {
    const dataDir = temporaryFolder();
    const { logger, lines } = createRecordingLogger();
    const runner = runnerWith(dataDir, ['/nonexistent/nothing-1.0-py3-none-any.whl'], { logger });
    expect(await runner.run(pythonJob('1 + 1'))).toMatchObject({ status: 'completed', stdout: '2\n' });
    expect(runner.status()).toMatchObject({ state: 'ready' });
    expect(runner.status().detail).toMatch(/standard library only.*nothing-1\.0/);
    expect(lines.some(({ level }) => level === 'warn')).toBe(true);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('two servers at once -> both ready, one folder, no lock and no partial folder left', async () => {
    const dataDir = temporaryFolder();
    const wheel = makeWheel(temporaryFolder(), 'both');
    const runners = [runnerWith(dataDir, [wheel]), runnerWith(dataDir, [wheel])];
    const results = await Promise.all(runners.map((runner) => runner.run(pythonJob(IMPORT))));
    expect(results.map(({ stdout }) => stdout)).toEqual(['both\n', 'both\n']);
    expect(readdirSync(dataDir)).toEqual([expect.stringMatching(/^python-env-[0-9a-f]{12}$/)]);
  });

  it('a builder that died in the middle -> its stale lock is taken over, its old partial folder removed', async () => {
    const dataDir = temporaryFolder();
    const wheel = makeWheel(temporaryFolder(), 'again');
    const name = await environmentName(dataDir, wheel);
    const fresh = temporaryFolder();
    const [lock, partial] = [join(fresh, `${name}.lock`), join(fresh, `${name}.99999.partial`)];
    writeFileSync(lock, '99999');
    mkdirSync(partial);
    writeFileSync(join(partial, 'half.py'), '');
    for (const path of [lock, partial]) utimesSync(path, 1, 1);
    expect((await runnerWith(fresh, [wheel]).run(pythonJob(IMPORT))).stdout).toBe('again\n');
    expect(readdirSync(fresh)).toEqual([name]);
  });

  it('installing takes longer than a job waits -> plain code runs meanwhile, and the state says preparing', async () => {
    const dataDir = temporaryFolder();
    const wheel = makeWheel(temporaryFolder(), 'later');
    const name = await environmentName(temporaryFolder(), wheel);
    writeFileSync(join(dataDir, `${name}.lock`), 'held by another process');
    const runner = runnerWith(dataDir, [wheel], { prepareWaitMs: 2000 });
    expect(await runner.run(pythonJob('2 + 2'))).toMatchObject({ status: 'completed', stdout: '4\n' });
    expect(runner.status().state).toBe('preparing');
  });
});

/** The folder a set is installed in: taken from a real build. */
async function environmentName(dataDir: string, wheel: string): Promise<string> {
  await runnerWith(dataDir, [wheel]).run(pythonJob('1'));
  return readdirSync(dataDir)[0] ?? '';
}

describe.skipIf(missing !== null)(`Python environment: numpy, pandas, matplotlib${title}`, () => {
  let runner: PythonRunner;

  beforeAll(async () => {
    // Where the product keeps them, so that the tests that start it find them: these are 60 MB.
    const dataDir = join(TEST_CACHE_DIR, 'python');
    runner = createPythonRunner({
      dataDir,
      poolSize: 1,
      logger: createRecordingLogger().logger,
      prepareWaitMs: 110_000,
    });
    await runner.run(pythonJob('1'));
    return () => runner.close();
  }, 120_000);

  it('each supported version -> has a pinned set of exact versions', async () => {
    const interpreter = await findInterpreter(undefined);
    expect(typeof interpreter).toBe('object');
    for (const version of ['3.9', '3.10', '3.11', '3.12', '3.13']) {
      const packages = packagesFor(version) ?? [];
      for (const name of ['numpy', 'pandas', 'matplotlib'])
        expect(packages.some((pin) => pin.startsWith(`${name}==`))).toBe(true);
      expect(packages.every((pin) => /^[\w.-]+==[\w.]+$/.test(pin))).toBe(true);
    }
  });

  it('figures shown, left open, and saved by the code -> one PNG each, pandas shows its table', async (context) => {
    if (!runner.status().detail.includes('are installed')) context.skip(runner.status().detail);
    const code = [
      'import numpy as np, pandas as pd, matplotlib.pyplot as plt',
      'plt.plot(np.arange(5)); plt.title("é 漢"); plt.show()',
      'plt.figure(); plt.bar([1, 2], [3, 4]); plt.savefig("mine.png")',
      'plt.figure(); plt.scatter([1], [2])',
      'pd.DataFrame({"a": [1, 2]}).sum()',
    ].join('\n');
    const result = await runner.run(pythonJob(code, { timeoutMs: 60_000 }));
    expect(result.status, result.stderr).toBe('completed');
    expect(result.stdout).toMatch(/^a +3\ndtype: int64\n$/);
    expect(result.files.map(({ filename }) => filename)).toEqual(['figure-1.png', 'figure-2.png', 'mine.png']);
    for (const { content } of result.files) expect(Buffer.from(content).subarray(1, 4).toString()).toBe('PNG');
  });
});
