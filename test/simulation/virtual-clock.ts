/**
 * Time under a schedule: it moves only when the schedule says so. Code that batches by time (the event writer) then does the same
 * under the same seed, however busy the machine is.
 */
export interface VirtualClock {
  advance(ms: number): void;
  /** Gives the real clock back. */
  restore(): void;
}

export function installVirtualClock(): VirtualClock {
  const real = performance.now.bind(performance);
  let nowMs = 1_000;
  performance.now = () => nowMs;
  return {
    advance(ms) {
      nowMs += ms;
    },
    restore() {
      performance.now = real;
    },
  };
}
