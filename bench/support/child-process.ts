/** Child processes of a benchmark: started with their output in sight, stopped by their id. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Child {
  readonly process: ChildProcess;
  /** Resolves with the first line of output that matches. Rejects when the process ends first. */
  line(matches: (line: string) => boolean): Promise<string>;
  /** At once, as a crash. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 20_000;
const KEPT_LINES = 200;

export function startChild(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Child {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const seen: string[] = [];
  const waiting = new Set<(line: string) => void>();
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      seen.push(line);
      if (seen.length > KEPT_LINES) seen.shift();
      for (const listener of waiting) listener(line);
    });
  }
  return {
    process: child,
    line: (matches) =>
      new Promise((resolve, reject) => {
        const early = seen.find(matches);
        if (early !== undefined) resolve(early);
        waiting.add((line) => {
          if (matches(line)) resolve(line);
        });
        void ended.then((code) => reject(new Error(`${command} ended with ${code}:\n${seen.slice(-20).join('\n')}`)));
      }),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
