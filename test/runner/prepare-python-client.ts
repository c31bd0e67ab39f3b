/** A Python with the official `openai` package, for the end-to-end tests: made once, kept under .cache/. */
import { execFile } from 'node:child_process';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const PACKAGE = 'openai==3.54.0';
const VENV_LIMIT_MS = 60_000;
/** A cold download over a slow line. */
const INSTALL_LIMIT_MS = 180_000;

export type PythonClient = { readonly python: string } | { readonly missing: string };

const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n').at(-1) ?? error.message) : String(error);

async function isReady(marker: string, python: string): Promise<boolean> {
  try {
    await access(python);
    return (await readFile(marker, 'utf8')) === PACKAGE;
  } catch {
    // Not made yet, or half made: it is made again.
    return false;
  }
}

/** @returns the interpreter, or why there is none: the tests that need it are then skipped and say so. */
export async function preparePythonClient(cacheDir: string): Promise<PythonClient> {
  const folder = join(cacheDir, 'python-client');
  const python = join(folder, 'bin', 'python');
  const marker = join(folder, 'package.txt');
  if (await isReady(marker, python)) return { python };
  await rm(folder, { recursive: true, force: true });
  try {
    await execute('python3', ['-m', 'venv', folder], { timeout: VENV_LIMIT_MS });
  } catch (error) {
    return { missing: `python3 -m venv does not work here: ${reasonOf(error)}` };
  }
  try {
    await execute(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE], {
      timeout: INSTALL_LIMIT_MS,
    });
    await writeFile(marker, PACKAGE);
    return { python };
  } catch (error) {
    return { missing: `pip install ${PACKAGE} failed: ${reasonOf(error)}` };
  }
}
