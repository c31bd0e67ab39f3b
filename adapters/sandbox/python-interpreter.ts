/** Finds a CPython on this machine and what of it the jail has to see. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { packagesFor } from './python-packages.js';

const run = promisify(execFile);
/** Starting an interpreter from a cold disk takes a second or two; ten means that it hangs. */
const PROBE_TIMEOUT_MS = 10_000;

const probeSchema = z.object({
  version: z.tuple([z.int(), z.int(), z.int()]),
  implementation: z.string(),
  executable: z.string().startsWith('/'),
  stdlib: z.string().startsWith('/'),
  /** Set when the interpreter is linked against libpython. */
  sharedLibrary: z.string().nullable(),
});

export interface PythonInterpreter {
  /** The real path of the binary, behind links, shims and virtual environments. */
  readonly executable: string;
  readonly stdlib: string;
  readonly sharedLibrary: string | null;
  /** `3.12`. */
  readonly version: string;
  /** `3.12.1`. */
  readonly fullVersion: string;
}

const PROBE = `
import json, os, sys, sysconfig
base = getattr(sys, "_base_executable", None) or sys.executable
var = sysconfig.get_config_var
library = os.path.join(var("LIBDIR") or "", var("INSTSONAME") or "") if var("Py_ENABLE_SHARED") else None
print(json.dumps({
    "version": list(sys.version_info[:3]), "implementation": sys.implementation.name,
    "executable": os.path.realpath(base), "stdlib": os.path.realpath(os.path.dirname(os.__file__)),
    "sharedLibrary": os.path.realpath(library) if library and os.path.isfile(library) else None,
}))`;

/** The first one that the packages are pinned for is taken; another version still runs code, without the packages. */
const CANDIDATES = ['python3', '/usr/bin/python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.9'];
const OLDEST_MINOR = 9;

/** @returns the interpreter at `command`, or the reason why it cannot be used. */
async function probeInterpreter(command: string): Promise<PythonInterpreter | string> {
  try {
    const { stdout } = await run(command, ['-I', '-c', PROBE], { timeout: PROBE_TIMEOUT_MS, maxBuffer: 64 * 1024 });
    const found = probeSchema.parse(JSON.parse(stdout));
    const [major, minor] = found.version;
    if (found.implementation !== 'cpython' || major !== 3 || minor < OLDEST_MINOR) {
      return `${command} is ${found.implementation} ${found.version.join('.')}; CPython 3.${OLDEST_MINOR} or later is needed`;
    }
    const { executable, stdlib, sharedLibrary } = found;
    return { executable, stdlib, sharedLibrary, version: `${major}.${minor}`, fullVersion: found.version.join('.') };
  } catch (error) {
    return `${command}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  }
}

/** @returns the first usable interpreter, or why there is none and what to do. */
export async function findInterpreter(pythonPath: string | undefined): Promise<PythonInterpreter | string> {
  const reasons: string[] = [];
  let withoutPackages: PythonInterpreter | null = null;
  for (const command of pythonPath === undefined ? CANDIDATES : [pythonPath]) {
    const found = await probeInterpreter(command);
    if (typeof found === 'string') reasons.push(found);
    else if (packagesFor(found.version) !== null) return found;
    else withoutPackages ??= found;
  }
  if (withoutPackages !== null) return withoutPackages;
  return `no usable Python was found: install CPython 3.${OLDEST_MINOR} or later (apt-get install python3). ${reasons[0] ?? ''}`;
}
