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
    for (const name of ['a', 'b', 'c', 'd']) void site.start('work', name);
    for (const name of ['looks', 'looks again']) void site.start('read', name);
    await sleep(0);
    for (let at = 0; at < 6; at += 1) await site.end(site.begun.at(-1) ?? '');
    // Whatever lane is first: they take turns.
    expect(site.begun.filter((name) => name.startsWith('looks'))).toEqual(['looks', 'looks again']);
    expect(site.begun.indexOf('looks again')).toBeLessThanOrEqual(4);
    expect(site.begun.filter((name) => !name.startsWith('looks'))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('two slots -> two at once, never three, whatever fails', async () => {
    const site = aSite(2);
    await expect(site.fail('read')).rejects.toThrow('broken');
    for (const name of ['a', 'b', 'c']) void site.start('work', name);
    await sleep(0);
    expect(site.begun).toEqual(['a', 'b']);
    await site.end('b');
    expect(site.begun).toEqual(['a', 'b', 'c']);
  });

  it('no slot in time -> store.unavailable; who comes after is served as if it had not waited', async () => {
    const site = aSite(1, 5);
    void site.start('work', 'a');
    await expect(site.start('read', 'late')).rejects.toMatchObject({ code: 'store.unavailable' });
    await site.end('a');
    void site.start('read', 'next');
    await sleep(0);
    expect(site.begun).toEqual(['a', 'next']);
  });
});
