/** Proven: the promises hold under every schedule tried here; `npm run simulate` tries as many as it is given time for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schedules } from './schedule.js';
import { SIMULATIONS } from './simulations.js';

describe('under any schedule', () => {
  it.each(SIMULATIONS)('$name: $proves', async ({ play, testRuns }) => {
    const property = fc.asyncProperty(schedules(), async (schedule) => {
      expect(await play(schedule)).toEqual([]);
    });
    await fc.assert(property, { numRuns: testRuns });
  });
});
