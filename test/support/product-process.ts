/** The product as a user starts it: a child process with its own data folder, read through its screen and its log. */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { TEST_CACHE_DIR } from './test-cache.js';
import { until } from './until.js';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const LAUNCHER = join(REPOSITORY, 'cli', 'turnstone.mjs');

export interface ProductProcess {
  readonly pid: number;
  /** What was written so far. */
  screen(): string;
  log(): string;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** To the whole process group, as Ctrl-C in a terminal does. */
  signalGroup(signal: NodeJS.Signals): void;
  kill(signal: NodeJS.Signals): void;
}

export interface ProductOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where to leave what must be stopped; default: at the end of the running test. */
  readonly onEnd?: (cleanUp: () => Promise<void>) => void;
  /** Through npm, as the README says, in place of the launcher itself. */
  readonly npm?: boolean;
}

/** Nothing of the surroundings decides what is tested: no provider keys, no addresses. */
export function cleanEnvironment(
  dataDir: string,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '/',
    TURNSTONE_CACHE_DIR: TEST_CACHE_DIR,
    TURNSTONE_DATA_DIR: dataDir,
    // Installing packages for Python is another part's test, and would take the processors from this one.
    TURNSTONE_PYTHON: 'off',
    PORT: '0',
    LOG_FORMAT: 'json',
    ...extra,
  };
}

export function runProduct(dataDir: string, options: ProductOptions = {}): ProductProcess {
  const [command, args] =
    options.npm === true
      ? ['npm', ['start', '--silent', '--', ...(options.args ?? [])]]
      : [process.execPath, [LAUNCHER, 'start', ...(options.args ?? [])]];
  const child = spawn(command, args, {
    cwd: REPOSITORY,
    env: cleanEnvironment(dataDir, options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => (code as number | null) ?? (signal as string));
  const product: ProductProcess = {
    pid: child.pid ?? 0,
    screen: () => text.out,
    log: () => text.err,
    ended,
    signalGroup: (signal) => signalTo(-(child.pid ?? 0), signal),
    kill: (signal) => void child.kill(signal),
  };
  (options.onEnd ?? onTestFinished)(() => endIfRunning(child, product));
  return product;
}

function isRunning(child: { readonly exitCode: number | null; readonly signalCode: string | null }): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  process.kill(pid, signal);
}

async function endIfRunning(
  child: ChildProcessByStdio<null, Readable, Readable>,
  product: ProductProcess,
): Promise<void> {
  if (!isRunning(child)) return;
  product.signalGroup('SIGTERM');
  await Promise.race([product.ended, new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
  if (isRunning(child)) product.signalGroup('SIGKILL');
}

export interface ReadyProduct extends ProductProcess {
  readonly apiUrl: string;
  readonly temporalUiUrl: string;
  /** Null when none was shown. */
  readonly adminKey: string | null;
  /** The command the screen offers to try. */
  readonly curl: string;
}

export async function startProductProcess(dataDir: string, options: ProductOptions = {}): Promise<ReadyProduct> {
  const product = runProduct(dataDir, options);
  let ending: number | string | null = null;
  void product.ended.then((how) => (ending = how));
  const screen = await until(
    () => {
      if (ending !== null) throw new Error(`the product ended (${ending}): ${product.screen()}${product.log()}`);
      return product.screen().includes('Ctrl-C stops') ? product.screen() : null;
    },
    'the product is ready',
    60_000,
  );
  const line = (pattern: RegExp): string | null => pattern.exec(screen)?.[1] ?? null;
  return {
    ...product,
    apiUrl: (line(/API\s+(http\S+)\/v1/) ?? '').trim(),
    temporalUiUrl: line(/Temporal UI\s+(http\S+)/) ?? '',
    adminKey: line(/Admin key\s+(ts_\S+)/),
    curl: line(/^ {2}(curl .*)$/m) ?? '',
  };
}

export interface FinishedCommand {
  readonly code: number | string;
  readonly out: string;
  readonly err: string;
}

/** A command that is expected to end by itself. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<FinishedCommand> {
  const child = spawn(command, [...args], { cwd: REPOSITORY, env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code: code ?? signal ?? 'unknown', out, err };
}
