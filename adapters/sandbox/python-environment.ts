/** The package folder of the jail: numpy, pandas, matplotlib, installed once per pinned set and interpreter. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import { toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import { withBuildLock } from './build-lock.js';
import type { PythonInterpreter } from './python-interpreter.js';
import { packagesFor } from './python-packages.js';

/** 60 MB over a slow line; pip shows progress in the debug log meanwhile. */
const INSTALL_TIMEOUT_MS = 15 * 60_000;
const MARKER = '.complete';
/** Partial folders of builders that died are removed when they are older than any build can take. */
const ABANDONED_MS = 2 * INSTALL_TIMEOUT_MS;
const KEPT_ERROR_LINES = 5;

export interface EnvironmentSettings {
  readonly dataDir: string;
  readonly interpreter: PythonInterpreter;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called with the folder before it is put in place; its failure is logged, never fatal. */
  readonly finish: (packagesDir: string) => Promise<void>;
  /** For tests: another set than the pinned one. */
  readonly packages?: readonly string[];
}

/** `packagesDir` is null when only the standard library is there; `detail` says why. */
export interface PythonEnvironment {
  readonly packagesDir: string | null;
  readonly detail: string;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Run one installer to its end; its lines go to the debug log. @throws with its last lines. */
function runInstaller(
  command: string,
  args: readonly string[],
  { logger, signal }: EnvironmentSettings,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      timeout: INSTALL_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    const last: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (/^(Collecting|Downloading|Installing|Successfully)/.test(line.trim()))
          logger.debug({ installer: line.trim() }, 'preparing the Python environment');
        last.push(line.trim());
        if (last.length > KEPT_ERROR_LINES) last.shift();
      });
    }
    child.once('error', reject);
    child.once('close', (code, ended) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code ?? ended ?? 'an unknown state'}: ${last.join(' | ')}`));
    });
  });
}

/** pip writes straight into the target folder: no virtual environment, so Debian's split-off venv module is not needed. */
async function install(target: string, packages: readonly string[], settings: EnvironmentSettings): Promise<void> {
  const { executable } = settings.interpreter;
  const options = [
    'install',
    '--target',
    target,
    '--no-deps',
    '--only-binary',
    ':all:',
    '--no-input',
    '--disable-pip-version-check',
    '--progress-bar',
    'off',
  ];
  try {
    await runInstaller(executable, ['-I', '-m', 'pip', ...options, ...packages], settings);
  } catch (error) {
    settings.signal.throwIfAborted();
    if (!toError(error).message.includes('No module named pip')) throw error;
    await runInstaller(
      'uv',
      [
        'pip',
        'install',
        '--python',
        executable,
        '--target',
        target,
        '--no-deps',
        '--only-binary',
        ':all:',
        ...packages,
      ],
      settings,
    );
  }
}

async function removeAbandoned(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!/^python-env-[0-9a-f]+\.\d+\.partial$/.test(name)) continue;
    const path = join(dataDir, name);
    const found = await stat(path).catch(() => null); // its builder was faster
    if (found !== null && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

async function build(target: string, packages: readonly string[], settings: EnvironmentSettings): Promise<void> {
  const partial = `${target}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    await install(partial, packages, settings);
    await settings.finish(partial).catch((error: unknown) => {
      settings.logger.warn({ err: error }, 'the Python environment works, but its first figure will be slow');
    });
    await writeFile(join(partial, MARKER), packages.join('\n'));
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Somebody else put the same folder in place first.
    if (!(await exists(join(target, MARKER)))) throw error;
  }
}

/**
 * Find or build the package folder. Never throws for what can be missing: without pip, uv or a registry the standard
 * library remains. Safe when several processes do it at once, and after a crash in the middle.
 */
export async function prepareEnvironment(settings: EnvironmentSettings): Promise<PythonEnvironment> {
  const { interpreter, logger } = settings;
  // Absolute: the jail is started from another folder.
  const dataDir = resolvePath(settings.dataDir);
  const packages = settings.packages ?? packagesFor(interpreter.version);
  if (packages === null) {
    return {
      packagesDir: null,
      detail: `standard library only: no packages are pinned for Python ${interpreter.version}; install Python 3.9 to 3.13`,
    };
  }
  const hash = createHash('sha256')
    .update(`${interpreter.fullVersion} ${process.arch}\n${packages.join('\n')}`)
    .digest('hex')
    .slice(0, 12);
  const target = join(dataDir, `python-env-${hash}`);
  const isDone = (): Promise<boolean> => exists(join(target, MARKER));
  try {
    if (!(await isDone())) {
      logger.info({ packages, target }, 'preparing the Python environment: installing packages, once');
      await mkdir(dataDir, { recursive: true });
      await removeAbandoned(dataDir);
      await withBuildLock(`${target}.lock`, isDone, () => build(target, packages, settings), settings.signal);
    }
    return { packagesDir: target, detail: 'numpy, pandas and matplotlib are installed' };
  } catch (error) {
    if (!settings.signal.aborted)
      logger.warn(
        { err: error },
        'the Python environment could not be prepared; code runs with the standard library only',
      );
    const reason = toError(error).message.slice(0, 500);
    return {
      packagesDir: null,
      detail: `standard library only, tried again at the next start: installing packages failed (${reason})`,
    };
  }
}
