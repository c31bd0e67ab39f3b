/** Proves that no HTML stops the server: each hostile page ends in an answer or a failure, beside a running event loop. */
import { describe, expect, it } from 'vitest';
import { htmlToMarkdown } from '../../tools/html-to-markdown.js';

const URL_GIVEN = 'https://example.com/page';

describe('read_page: pages that want to do harm', () => {
  const convert = async (html: string, timeLimitMs = 3000) =>
    htmlToMarkdown({ html, url: URL_GIVEN, signal: new AbortController().signal, timeLimitMs });

  /** Longest time the event loop stood still while `work` ran. */
  async function longestPause(work: Promise<unknown>): Promise<number> {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 10);
    await work.catch(() => undefined);
    clearInterval(timer);
    return longest;
  }

  it.each([
    ['a million nested elements', '<div>'.repeat(1_000_000)],
    ['a hundred thousand nested tables', '<table><tr><td>'.repeat(100_000)],
    ['nested lists', '<ul><li>'.repeat(100_000)],
    ['a million attributes', `<p ${Array.from({ length: 500_000 }, (_, index) => `a${index}=1`).join(' ')}>text</p>`],
    ['nested quotes', '<blockquote>'.repeat(50_000)],
    ['an endless comment', `<!--${'-'.repeat(4_000_000)}`],
    ['an endless tag', `<${'a'.repeat(4_000_000)}`],
    ['a table with one huge span', '<table><tr><td colspan="1000000000" rowspan="1000000000">x</td></tr></table>'],
  ])(
    '%s -> an answer or a failure, within the limits, and the server never stands still',
    async (_name, html) => {
      const outcome = convert(html).then(
        () => 'answered',
        (error: unknown) => (error as { code: string }).code,
      );
      expect(await longestPause(outcome)).toBeLessThan(1500);
      expect(['answered', 'tool.failed']).toContain(await outcome);
    },
    30_000,
  );

  it('longer than its time -> tool.failed', async () => {
    await expect(convert('<p>x</p>', 1)).rejects.toMatchObject({ code: 'tool.failed' });
  });

  it('cancelled in the middle -> turn.cancelled', async () => {
    const controller = new AbortController();
    const running = htmlToMarkdown({ html: '<p>x</p>', url: URL_GIVEN, signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'turn.cancelled' });
  });
});
