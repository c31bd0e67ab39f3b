/** Short runs of our own code in the jail: does it work here, and the font list that matplotlib would build in every job. */
import { PACKAGES_INSIDE } from './bubblewrap.js';
import type { JailSettings } from './jailed-process.js';
import { startJailedProcess } from './jailed-process.js';
import { startJailedPython } from './jailed-python.js';

const PROBE_TIMEOUT_MS = 15_000;
const FONT_LIST_TIMEOUT_MS = 120_000;

const FONT_LIST_SCRIPT = `
import os, sys
os.environ["MPLCONFIGDIR"] = "${PACKAGES_INSIDE}/.matplotlib"
os.makedirs(os.environ["MPLCONFIGDIR"], exist_ok=True)
sys.path.append("${PACKAGES_INSIDE}")
import matplotlib.font_manager
`;

/** @throws with what bwrap or the interpreter said. */
export async function probeJail(settings: JailSettings): Promise<void> {
  const python = startJailedPython(settings);
  const timer = setTimeout(python.kill, PROBE_TIMEOUT_MS);
  try {
    await python.ready;
  } finally {
    clearTimeout(timer);
    python.kill();
    await python.closed;
  }
}

/** Build matplotlib's font list with the fonts the jail sees, into the package folder. */
export async function warmFontList(settings: JailSettings, packagesDir: string): Promise<void> {
  const view = { ...settings.view, packagesDir, packagesWritable: true };
  const python = startJailedProcess({ ...settings, view }, FONT_LIST_SCRIPT);
  const timer = setTimeout(python.kill, FONT_LIST_TIMEOUT_MS);
  const exit = await python.closed;
  clearTimeout(timer);
  if (exit.code !== 0)
    throw new Error(`building the font list ended with ${exit.code ?? exit.signal ?? 'an unknown state'}`);
}
