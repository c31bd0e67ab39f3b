/** Processor time and memory of a process, from /proc: what a busy neighbour does not change much. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second of every Linux that Node runs on. */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

/** Processor time of one process in milliseconds, by who used it. */
export interface CpuTime {
  readonly total: number;
  /** The JavaScript main thread. */
  readonly main: number;
  /** Threads of Temporal's core, which run the protocol with the server. */
  readonly core: number;
  /** The rest: worker threads (database, workflows), garbage collection, thread pool. */
  readonly other: number;
}

export function cpuTime(pid: number): CpuTime {
  let [main, core, other] = [0, 0, 0];
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readStat(`/proc/${pid}/task/${thread}/stat`);
    if (stat === null) continue;
    if (Number(thread) === pid) main += stat.cpuMs;
    else if (/temporal|tokio/.test(stat.name)) core += stat.cpuMs;
    else other += stat.cpuMs;
  }
  // Threads that have ended are in the process's own figure only.
  const total = Math.max(readStat(`/proc/${pid}/stat`)?.cpuMs ?? 0, main + core + other);
  return { total, main, core, other: total - main - core };
}

export function cpuBetween(before: CpuTime, after: CpuTime): CpuTime {
  return {
    total: after.total - before.total,
    main: after.main - before.main,
    core: after.core - before.core,
    other: after.other - before.other,
  };
}

export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
}

/** A thread may end while its folder is read: null. */
function readStat(path: string): { readonly name: string; readonly cpuMs: number } | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
      return null;
    throw error;
  }
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  return { name: text.slice(text.indexOf('(') + 1, end), cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS };
}
