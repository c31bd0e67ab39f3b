/** Proves that `read_result` gives every character of a stored result, finds places in it, and says what is wrong with a call. */
import { describe, expect, it } from 'vitest';
import { runTool } from '../../tools/sdk/test-kit.js';
import { createReadResultTool } from '../../tools/read-result-tool.js';

const tool = createReadResultTool();
const LONG = Array.from({ length: 3000 }, (_, index) => `line ${index} 🐍\n`).join('');
const read = async (args: object, text = LONG): Promise<string> =>
  (await runTool(tool, { id: 'tc_1', ...args }, { earlierResults: { tc_1: text } })).output.text;

describe('read_result: pages', () => {
  it('following the footers from the start -> the whole text, no character lost or cut', async () => {
    let collected = '';
    for (let offset: number | null = 0; offset !== null;) {
      const page = await read({ offset, limit: 777 });
      const footer =
        /\n\n\[characters (\d+) to (\d+) of (\d+)(?:; ask with offset (\d+) for more|; this is the end)\]$/.exec(page);
      collected += page.slice(0, footer?.index);
      offset = footer?.[4] === undefined ? null : Number(footer[4]);
    }
    expect(collected).toBe(LONG);
  });

  it('a whole page -> fits the budget of the tool', async () => {
    expect((await read({ limit: 20_000 })).length).toBeLessThanOrEqual(tool.resultBudgetChars);
  });

  it('behind the end -> says how long the result is', async () => {
    expect(await read({ offset: 10 }, 'short')).toContain('has 5 characters');
  });

  it('a limit of one in the middle of a pair -> moves on', async () => {
    expect(await read({ offset: 0, limit: 1 }, '🐍🐍')).toMatch(/to [12] of 4; ask with offset [12]/);
  });
});

describe('read_result: find', () => {
  it('whatever its case -> the places with their offsets', async () => {
    const text = await read({ find: 'LINE 2999' });
    expect(text).toContain(`[at ${LONG.indexOf('line 2999')}]`);
    expect(text).toContain('line 2998');
  });

  it('many hits -> bounded, and the next ones can be asked for', async () => {
    const first = await read({ find: 'line', limit: 2000 });
    expect(first.length).toBeLessThan(4000);
    const next = Number(/ask with offset (\d+)/.exec(first)?.[1]);
    expect(await read({ find: 'line', offset: next, limit: 2000 })).toMatch(/^\[at \d+\]/);
  });

  it('no hit -> said', async () => {
    expect(await read({ find: 'zebra' })).toContain('does not occur');
  });
});

describe('read_result: bad calls', () => {
  it('an unknown id -> item.not-found, saying which id to use', async () => {
    await expect(runTool(tool, { id: 'tc_2' })).rejects.toMatchObject({ code: 'item.not-found', param: 'id' });
  });

  it.each([{ offset: -1 }, { limit: 0 }, { limit: 20_001 }, { offset: 1.5 }, { find: '' }])(
    '%j -> tool.invalid-arguments',
    async (args) => {
      await expect(read(args)).rejects.toMatchObject({ code: 'tool.invalid-arguments' });
    },
  );
});
