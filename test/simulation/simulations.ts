/** The simulations by name: each plays one schedule and says what was wrong. */
import { createWorld, playTurn } from './turn-world.js';
import { playEventLog } from './event-log-world.js';
import { playLedger } from './ledger-world.js';
import { tapeOf } from './schedule.js';
import type { Schedule } from './schedule.js';
import { violations } from './turn-invariants.js';

export interface Simulation {
  readonly name: string;
  readonly proves: string;
  /** Schedules of a test run: seconds, not minutes. */
  readonly testRuns: number;
  play(schedule: Schedule): Promise<readonly string[]> | readonly string[];
}

export const SIMULATIONS: readonly Simulation[] = [
  {
    name: 'turn',
    proves:
      'slow, overtaken, killed, cancelled attempts: one end, one terminal event, the streamed answer is the stored one',
    testRuns: 1_500,
    async play(schedule) {
      const world = await createWorld(tapeOf(schedule));
      await playTurn(world);
      return violations(world);
    },
  },
  {
    name: 'event-log',
    proves:
      'late writers and readers that come and go: numbers without gaps, one terminal event, every reader sees the same',
    testRuns: 10_000,
    play: (schedule) => playEventLog(tapeOf(schedule)),
  },
  {
    name: 'ledger',
    proves: 'parallel calls, dead attempts, days that pass: never over a budget by more than one call was overcharged',
    testRuns: 10_000,
    play: (schedule) => playLedger(tapeOf(schedule)),
  },
];
