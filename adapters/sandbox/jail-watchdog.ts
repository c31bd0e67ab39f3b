/** Watches what rlimits do not bound: resident memory, threads when the server runs as root, and the number of files. */
import { readFile, statfs } from 'node:fs/promises';
import type { PythonLimits } from './python-limits.js';

/** Short enough that nothing grows by much between two looks, long enough to cost nothing. */
const LOOK_EVERY_MS = 100;

function statusNumber(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
}

/** @returns why the jail must be killed, or null. */
async function findExcess(pid: number, limits: PythonLimits): Promise<string | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const residentBytes = statusNumber(status, 'VmRSS') * 1024;
  if (residentBytes > limits.memoryBytes)
    return `used ${residentBytes} bytes of memory; ${limits.memoryBytes} are allowed`;
  const threads = statusNumber(status, 'Threads');
  if (threads > limits.threads) return `ran ${threads} threads; ${limits.threads} are allowed`;
  const folder = await statfs(`/proc/${pid}/root/work`);
  const scratch = await statfs(`/proc/${pid}/root/tmp`);
  const files = folder.files - folder.ffree + scratch.files - scratch.ffree;
  return files > limits.diskFiles ? `made ${files} files; ${limits.diskFiles} are allowed` : null;
}

/** Calls `onExcess` at most once. @returns a function that ends the watch. */
export function watchJail(pid: number, limits: PythonLimits, onExcess: (reason: string) => void): () => void {
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    findExcess(pid, limits).then(
      (reason) => {
        looking = false;
        if (reason === null) return;
        clearInterval(timer);
        onExcess(reason);
      },
      // The process ended between two looks: its exit is reported by its owner.
      () => {
        looking = false;
      },
    );
  }, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
  };
}
