/** Why an interpreter ended without an answer, in words for the model and the user. */
import { constants } from 'node:os';

/** bwrap reports death by signal N as exit code 128 + N, as shells do. */
const SIGNAL_BASE = 128;

function signalName(exit: { code: number | null; signal: string | null }): string | null {
  if (exit.signal !== null) return exit.signal;
  if (exit.code === null || exit.code <= SIGNAL_BASE) return null;
  const number = exit.code - SIGNAL_BASE;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
}

export function describeExit(exit: { readonly code: number | null; readonly signal: string | null }): string {
  const signal = signalName(exit);
  if (signal === 'SIGKILL' || signal === 'SIGXCPU')
    return 'killed: the CPU time limit of this run, or the memory of the machine, was used up';
  if (signal === 'SIGSEGV' || signal === 'SIGBUS' || signal === 'SIGABRT')
    return `the interpreter crashed (${signal}): often memory used up inside a library`;
  if (signal !== null) return `the interpreter was ended by ${signal}`;
  return `the interpreter ended without a result (exit code ${exit.code ?? 'unknown'}): the code ended the process or closed its files`;
}
