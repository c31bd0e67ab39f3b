/** Proves that lanes take turns, that no more work runs than there are slots, and that nobody waits for ever. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createFairLanes } from '../../adapters/postgres/fair-lanes.js';
import type { Lane } from '../../adapters/postgres/fair-lanes.js';

/** Starts works that end when told to, and notes the order in which they began. */
function aSite(size: number, timeoutMs = 10_000) {
  const lanes = createFairLanes(size, timeoutMs);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    start: (lane: Lane, name: string): Promise<void> =>
      lanes.run(lane, () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      }),
    end: async (name: string): Promise<void> => {
      ends.get(name)?.();
      await sleep(0);
    },
    fail: (lane: Lane): Promise<void> => lanes.run(lane, () => Promise.reject(new Error('broken'))),
  };
}

describe('fair lanes', () => {
  it('a long queue in one lane -> who comes later in another is next', async () => {
    const site = aSite(1);
    for (const name of ['a', 'b', 'c', 'd']) void site.start('turns', name);
    void site.start('read', 'looks');
    void site.start('write', 'changes');
    await sleep(0);
    for (let at = 0; at < 6; at += 1) await site.end(site.begun.at(-1) ?? '');
    expect(site.begun).toHaveLength(6);
    // Whatever lane is next: each has had its turn by then.
    expect(site.begun.slice(0, 4).sort()).toEqual(['a', 'b', 'changes', 'looks']);
    expect(site.begun.slice(4)).toEqual(['c', 'd']);
  });

  it('two slots -> two at once, never three, whatever fails', async () => {
    const site = aSite(2);
    await expect(site.fail('read')).rejects.toThrow('broken');
    for (const name of ['a', 'b', 'c']) void site.start('turns', name);
    await sleep(0);
    expect(site.begun).toEqual(['a', 'b']);
    await site.end('b');
    expect(site.begun).toEqual(['a', 'b', 'c']);
  });

  it('no slot in time -> store.unavailable; who comes after is served as if it had not waited', async () => {
    const site = aSite(1, 5);
    void site.start('turns', 'a');
    await expect(site.start('read', 'late')).rejects.toMatchObject({ code: 'store.unavailable' });
    await site.end('a');
    void site.start('read', 'next');
    await sleep(0);
    expect(site.begun).toEqual(['a', 'next']);
  });
});
