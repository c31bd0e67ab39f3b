/** Proves where a crash point fires, how often, that a port's new methods get theirs, and that production refuses them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCrashSettings } from '../../adapters/config/read-crash-settings.js';
import { createCrashPoints } from '../../adapters/faults/crash-points.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function port(): { commitStep(): Promise<string>; get(): Promise<string>; describe(): string } {
  return { commitStep: async () => 'committed', get: async () => 'row', describe: () => 'text' };
}

function pointsAt(at: string | null, traceFile: string | null = null) {
  const died: string[] = [];
  const points = createCrashPoints({ at, traceFile, die: (point) => died.push(point) });
  return { died, points };
}

describe('crash points', () => {
  it('the n-th time a point is reached -> dies there, once', async () => {
    const { died, points } = pointsAt('turns.commitStep.after#2');
    const turns = points.decorate('turns', port());
    for (let call = 1; call <= 3; call += 1) {
      expect(await turns.commitStep()).toBe('committed');
      expect(died).toHaveLength(call === 1 ? 0 : 1);
    }
    expect(died).toEqual(['turns.commitStep.after']);
  });

  it('a change that fails -> never reaches its point after', async () => {
    const { died, points } = pointsAt('turns.commitStep.after');
    const failing = points.decorate('turns', { commitStep: async () => Promise.reject(new Error('refused')) });
    await expect(failing.commitStep()).rejects.toThrow('refused');
    expect(died).toEqual([]);
  });

  it('every changing method of a port -> has two points; what only looks has none', async () => {
    const traceFile = join(temporaryFolder(), 'trace');
    const { points } = pointsAt(null, traceFile);
    const turns = points.decorate('turns', port());
    await turns.commitStep();
    await turns.get();
    expect(readFileSync(traceFile, 'utf8').trim().split('\n')).toEqual([
      'known turns.commitStep.before',
      'known turns.commitStep.after',
      'reached turns.commitStep.before',
      'reached turns.commitStep.after',
    ]);
  });

  it('the point is in a file -> counts from the moment it is written there', () => {
    const file = join(temporaryFolder(), 'crash-at');
    const { died, points } = pointsAt(`@${file}`);
    points.reach('model.stream.first');
    writeFileSync(file, 'model.stream.first#2\n');
    points.reach('model.stream.first');
    expect(died).toEqual([]);
    points.reach('model.stream.first');
    expect(died).toEqual(['model.stream.first']);
  });
});

describe('CRASH_AT', () => {
  it('outside of tests -> refused, with what to do', () => {
    for (const variables of [{ CRASH_AT: 'turns.accept.before' }, { CRASH_TRACE: '/tmp/x', NODE_ENV: 'production' }]) {
      const { settings, problems } = readCrashSettings(variables);
      expect(settings).toBeNull();
      expect(problems).toEqual([expect.stringContaining('unset it')]);
    }
  });

  it('not set -> nothing', () => {
    expect(readCrashSettings({ NODE_ENV: 'test' })).toEqual({ settings: null, problems: [] });
  });

  it('a point, the n-th of a point, a file -> taken; anything else -> refused', () => {
    for (const at of ['turns.accept.before', 'tool.invoke.after#12', '@/tmp/crash-at']) {
      const { settings, problems } = readCrashSettings({ NODE_ENV: 'test', CRASH_AT: at });
      expect(problems).toEqual([]);
      expect(settings).toEqual({ at, traceFile: null });
    }
    for (const at of ['accept', 'turns.accept.before#0', 'x y.z']) {
      expect(readCrashSettings({ NODE_ENV: 'test', CRASH_AT: at }).problems).toHaveLength(1);
    }
  });
});
