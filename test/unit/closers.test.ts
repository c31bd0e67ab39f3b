/** Proves: what was opened is closed in reverse, and one part that fails or hangs does not keep the others open. */
import { describe, expect, it } from 'vitest';
import { createClosers } from '../../workers/closers.js';
import { createRecordingLogger } from '../support/recording-logger.js';

describe('createClosers', () => {
  it('order: three parts -> closed last first, each once, however often it is asked', async () => {
    const closed: string[] = [];
    const closers = createClosers(createRecordingLogger().logger);
    for (const name of ['a', 'b', 'c']) closers.add(name, async () => void closed.push(name));
    await Promise.all([closers.closeAll(), closers.closeAll()]);
    await closers.closeAll();
    expect(closed).toEqual(['c', 'b', 'a']);
  });

  it('failing and hanging parts: -> logged by name, the others are closed', async () => {
    const { logger, lines } = createRecordingLogger();
    const closed: string[] = [];
    const closers = createClosers(logger);
    closers.add('first', async () => void closed.push('first'));
    closers.add('hanging', () => new Promise<void>(() => undefined), 20);
    closers.add('failing', () => Promise.reject(new Error('no')));
    await closers.closeAll();
    expect(closed).toEqual(['first']);
    const warned = lines.filter((line) => line.level === 'warn').map((line) => line.fields['part']);
    expect(warned).toEqual(['failing', 'hanging']);
  });
});
