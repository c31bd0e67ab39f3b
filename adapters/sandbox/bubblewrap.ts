/** The jail as a bubblewrap command line: what exists inside it is what this file names. */
import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PythonInterpreter } from './python-interpreter.js';

const BWRAP_PATHS = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap', '/run/current-system/sw/bin/bwrap'];
const HARNESS = fileURLToPath(new URL('./python-harness.py', import.meta.url));
const FIGURE_BACKEND = fileURLToPath(new URL('./figure-backend.py', import.meta.url));
/** Scratch space outside the work folder: font lists, temporary files of libraries. */
const SCRATCH_BYTES = 32 * 1024 * 1024;
/** Nobody, on every Linux. */
const NOBODY = '65534';

/** Where the package folder of the environment appears inside. */
export const PACKAGES_INSIDE = '/packages';
/** File descriptors the jail is started with, besides 0, 1 and 2. */
export const CONTROL_FD = 3;
export const SECCOMP_FD = 4;
export const INFO_FD = 5;

export const BWRAP_REMEDY =
  'install bubblewrap (apt-get install bubblewrap) and let unprivileged user namespaces work ' +
  '(in Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined; on Ubuntu 24.04: ' +
  'sysctl kernel.apparmor_restrict_unprivileged_userns=0)';

export async function findBubblewrap(): Promise<string | null> {
  for (const path of BWRAP_PATHS) {
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return null;
}

export interface JailView {
  readonly interpreter: PythonInterpreter;
  /** Folder of installed packages on the host; null for the standard library alone. */
  readonly packagesDir: string | null;
  readonly diskBytes: number;
  /** Let the jail write the package folder: only while our own code prepares it. */
  readonly packagesWritable?: boolean;
}

interface PythonInside {
  readonly binds: readonly string[];
  readonly executable: string;
  readonly libraryPath: string | null;
}

/** Python under /usr is shown where it is; any other place is moved to /python, so that host paths stay unknown. */
function pythonInside({ executable, stdlib, sharedLibrary, version }: PythonInterpreter): PythonInside {
  if (/^\/usr\/lib(64)?\//.test(stdlib)) {
    return { binds: ['--ro-bind', executable, executable], executable, libraryPath: null };
  }
  const binds = ['--ro-bind', executable, '/python/bin/python3', '--ro-bind', stdlib, `/python/lib/python${version}`];
  if (sharedLibrary !== null) {
    const name = sharedLibrary.slice(dirname(sharedLibrary).length + 1);
    binds.push('--ro-bind', sharedLibrary, join('/python/lib', name));
  }
  return { binds, executable: '/python/bin/python3', libraryPath: sharedLibrary === null ? null : '/python/lib' };
}

/** No /proc, no /sys, no /etc, no shell: libraries, Python, the packages, three devices, and two folders in memory. */
function mounts(view: JailView, python: PythonInside): string[] {
  const packages =
    view.packagesDir === null
      ? []
      : [view.packagesWritable === true ? '--bind' : '--ro-bind', view.packagesDir, PACKAGES_INSIDE];
  return [
    '--ro-bind',
    '/usr/lib',
    '/usr/lib',
    '--ro-bind-try',
    '/usr/lib64',
    '/usr/lib64',
    '--ro-bind-try',
    '/lib',
    '/lib',
    '--ro-bind-try',
    '/lib64',
    '/lib64',
    '--ro-bind-try',
    '/usr/share/fonts',
    '/usr/share/fonts',
    '--ro-bind-try',
    '/usr/share/zoneinfo',
    '/usr/share/zoneinfo',
    ...python.binds,
    ...packages,
    '--ro-bind',
    HARNESS,
    '/harness/turnstone_harness.py',
    '--ro-bind',
    FIGURE_BACKEND,
    '/harness/turnstone_figures.py',
    '--dev-bind',
    '/dev/null',
    '/dev/null',
    '--dev-bind',
    '/dev/zero',
    '/dev/zero',
    '--dev-bind',
    '/dev/urandom',
    '/dev/urandom',
    '--size',
    String(SCRATCH_BYTES),
    '--tmpfs',
    '/tmp',
    '--size',
    String(view.diskBytes),
    '--tmpfs',
    '/work',
    '--remount-ro',
    '/',
    '--chdir',
    '/work',
  ];
}

function environment(python: PythonInside): string[] {
  const variables: Record<string, string> = {
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    MPLBACKEND: 'module://turnstone_figures',
    MPLCONFIGDIR: '/tmp/matplotlib',
    // One BLAS thread per job: jobs share the machine, and each thread reserves address space.
    OPENBLAS_NUM_THREADS: '1',
    OMP_NUM_THREADS: '1',
    ...(python.libraryPath === null ? {} : { LD_LIBRARY_PATH: python.libraryPath }),
  };
  return Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value]);
}

/** Arguments for bwrap that run `script` (Python text) in the jail, with `parameter` as its only argument. */
export function jailArguments(view: JailView, script: string, parameter: string): readonly string[] {
  const python = pythonInside(view.interpreter);
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--as-pid-1',
    '--clearenv',
    '--cap-drop',
    'ALL',
    '--uid',
    NOBODY,
    '--gid',
    NOBODY,
    '--hostname',
    'jail',
    ...mounts(view, python),
    ...environment(python),
    '--seccomp',
    String(SECCOMP_FD),
    '--info-fd',
    String(INFO_FD),
    '--',
    python.executable,
    '-I',
    '-S',
    '-B',
    '-X',
    'utf8',
    '-c',
    script,
    parameter,
  ];
}

export const HARNESS_SCRIPT =
  'import sys; sys.path.append("/harness"); import turnstone_harness; turnstone_harness.main()';
