/** Run a program to its end: with a time limit, bounded output, and nothing left running when the limit is reached. */
import { spawn } from 'node:child_process';
import { toError } from '../../domain/failures.js';

export interface CommandResult {
  readonly ok: boolean;
  /** stdout and stderr together, the last `MAX_OUTPUT` characters. */
  readonly output: string;
  /** Why it is not ok, in a few words. */
  readonly reason: string;
}

const MAX_OUTPUT = 8_000;

export function runCommand(
  file: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let output = '';
    let timedOut = false;
    // Its own process group: pip and go start children of their own, which the time limit must reach too.
    const child = spawn(file, [...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, options.timeoutMs);
    // In a group of its own it would outlive a process that is stopped meanwhile.
    const onExit = (): void => killGroup(child.pid);
    process.once('exit', onExit);
    const finish = (ok: boolean, reason: string): void => {
      clearTimeout(timer);
      process.off('exit', onExit);
      resolve({ ok, output: output.trim(), reason });
    };
    child.once('error', (error) => finish(false, missingOr(error, file)));
    child.once('close', (code, signal) => {
      if (timedOut) finish(false, `no answer within ${Math.round(options.timeoutMs / 1000)} s`);
      else if (code === 0) finish(true, '');
      else
        finish(
          false,
          `${lastLine(output)}${lastLine(output) === '' ? '' : ' '}(${code === null ? `signal ${signal ?? ''}` : `exit ${code}`})`,
        );
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it ended in the same moment, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function missingOr(error: Error, file: string): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? `${file} is not installed` : toError(error).message;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim().slice(0, 200) ?? '';
}
