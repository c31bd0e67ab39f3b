/** What one run of Python code may use. Every limit is enforced by the kernel or by killing the jail. */
export interface PythonLimits {
  /** Address space of the interpreter; the code sees a MemoryError beyond it. */
  readonly memoryBytes: number;
  /** Size of the work folder, which lives in memory and not on the host's disk. */
  readonly diskBytes: number;
  /** Files and folders the code may have at one time. */
  readonly diskFiles: number;
  /** CPU time over all threads. */
  readonly cpuSeconds: number;
  /** Longest wall-clock time a job may ask for. */
  readonly maxTimeoutMs: number;
  readonly threads: number;
  readonly openFiles: number;
  /** Of stdout and stderr together; what is beyond is dropped and flagged. */
  readonly outputBytes: number;
  readonly outputFiles: number;
  readonly outputFileBytes: number;
  readonly inputFiles: number;
  readonly inputFileBytes: number;
  /** Jobs at the same time; more wait in line. */
  readonly concurrentJobs: number;
  readonly waitingJobs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_PYTHON_LIMITS: PythonLimits = {
  // numpy, pandas and matplotlib reserve about 200 MiB of address space before the first line of code runs.
  memoryBytes: 2048 * MIB,
  diskBytes: 256 * MIB,
  diskFiles: 10_000,
  cpuSeconds: 120,
  maxTimeoutMs: 120_000,
  threads: 64,
  openFiles: 256,
  outputBytes: 512 * 1024,
  outputFiles: 20,
  outputFileBytes: 50 * MIB,
  inputFiles: 50,
  inputFileBytes: 100 * MIB,
  concurrentJobs: 4,
  waitingJobs: 64,
};
