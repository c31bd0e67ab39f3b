/** From "what is on this machine" to a pool that runs code: bubblewrap, an interpreter, a probe, the packages. */
import { toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { JailView } from './bubblewrap.js';
import { BWRAP_REMEDY, findBubblewrap } from './bubblewrap.js';
import { probeJail, warmFontList } from './jail-probe.js';
import type { JailSettings } from './jailed-process.js';
import type { PythonEnvironment } from './python-environment.js';
import { prepareEnvironment } from './python-environment.js';
import { findInterpreter } from './python-interpreter.js';
import type { PythonLimits } from './python-limits.js';
import { createSeccompFilter, isFilteredArchitecture } from './seccomp-filter.js';
import type { WarmPool } from './warm-pool.js';
import { createWarmPool } from './warm-pool.js';

export interface RuntimeOptions {
  readonly dataDir: string;
  readonly poolSize: number;
  readonly limits: PythonLimits;
  readonly logger: Logger;
  readonly pythonPath?: string | undefined;
  readonly bwrapPath?: string | undefined;
  readonly packages?: readonly string[] | undefined;
  readonly signal: AbortSignal;
  /** The jail works; packages are still being installed. */
  readonly onPlain: (plain: WarmPool, detail: string) => void;
}

export interface Runtime {
  readonly pool: WarmPool;
  readonly detail: string;
}

async function openJail(options: RuntimeOptions): Promise<JailSettings> {
  if (process.platform !== 'linux') {
    const where = `this is ${process.platform}: run the server in a Linux container or machine`;
    throw new Error(`Python code runs on Linux servers only, ${where}`);
  }
  if (!isFilteredArchitecture(process.arch)) {
    throw new Error(`Python code runs on x64 and arm64 only, this is ${process.arch}`);
  }
  const bwrapPath = options.bwrapPath ?? (await findBubblewrap());
  if (bwrapPath === null) throw new Error(`bubblewrap was not found: ${BWRAP_REMEDY}`);
  const interpreter = await findInterpreter(options.pythonPath);
  if (typeof interpreter === 'string') throw new Error(interpreter);
  const { limits } = options;
  const view: JailView = { interpreter, packagesDir: null, diskBytes: limits.diskBytes };
  const settings = { bwrapPath, limits, view, seccompFilter: createSeccompFilter(process.arch) };
  await probeJail(settings).catch((error: unknown) => {
    throw new Error(`the jail does not start (${toError(error).message}): ${BWRAP_REMEDY}`, { cause: error });
  });
  return settings;
}

async function findPackages(options: RuntimeOptions, settings: JailSettings): Promise<PythonEnvironment> {
  const { packages, dataDir, logger, signal } = options;
  if (packages?.length === 0) return { packagesDir: null, detail: 'standard library only, as configured' };
  return prepareEnvironment({
    dataDir,
    interpreter: settings.view.interpreter,
    logger,
    signal,
    finish: (packagesDir) => warmFontList(settings, packagesDir),
    ...(packages === undefined ? {} : { packages }),
  });
}

/** @throws when code cannot be run here at all; the message says why and what to do. */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { logger, signal, poolSize } = options;
  const settings = await openJail(options);
  const { fullVersion } = settings.view.interpreter;
  options.onPlain(
    createWarmPool({ settings, size: 0, logger }),
    `Python ${fullVersion}: numpy, pandas and matplotlib are being installed`,
  );
  const environment = await findPackages(options, settings);
  const view = { ...settings.view, packagesDir: environment.packagesDir };
  const pool = createWarmPool({ settings: { ...settings, view }, size: signal.aborted ? 0 : poolSize, logger });
  return { pool, detail: `Python ${fullVersion}; ${environment.detail}` };
}
