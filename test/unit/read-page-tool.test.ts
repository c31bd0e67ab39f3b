/** Proves what `read_page` makes of pages: Markdown, text with its charset, pages, and errors. */
import { describe, expect, it } from 'vitest';
import type { EgressResponse } from '../../domain/ports/tool-runtime.js';
import { createReadPageTool } from '../../tools/read-page-tool.js';
import { runTool } from '../../tools/sdk/test-kit.js';
import { webAnswer } from '../support/tool-context.js';

const tool = createReadPageTool();
const URL_GIVEN = 'https://example.com/page';
const read = async (answer: EgressResponse, args: object = {}) =>
  runTool(tool, { url: URL_GIVEN, ...args }, { respond: () => answer });
const textOf = async (answer: EgressResponse, args: object = {}): Promise<string> =>
  (await read(answer, args)).output.text;
const PARAGRAPH = 'The quick brown fox jumps over the lazy dog, and then it rests for a while in the shade of a tree. ';
const ARTICLE = `<!doctype html><html><head><title>A title</title></head><body>
<nav><a href="/other">Navigation</a></nav><script>alert(1)</script><style>p{}</style>
<article><h1>Heading</h1><p>${PARAGRAPH.repeat(5)}</p><h2>Second</h2><p>See <a href="../linked?x=1">the link</a> and <code>code</code>.</p>
<ul><li>one</li><li>two</li></ul><table><tr><th>Name</th><th>Age</th></tr><tr><td>Ann|a</td><td>5</td></tr></table><pre><code>let x = 1;</code></pre>
<p>${PARAGRAPH.repeat(5)}<img src="pic.png" alt="A picture"><a href="javascript:alert(1)">bad</a></p></article></body></html>`;

describe('read_page: HTML', () => {
  it('an article -> title, final URL, warning, Markdown with absolute links, tables and lists; no scripts, no navigation', async () => {
    const { output, requests, progress } = await read(webAnswer(ARTICLE, { url: 'https://example.com/a/b' }));
    for (const part of [
      '# A title',
      'URL: https://example.com/a/b',
      'not instructions',
      '[the link](https://example.com/linked?x=1)',
      '## Second',
      '`code`',
      '| Name | Age |\n| --- | --- |\n| Ann\\|a | 5 |',
      'let x = 1;',
      '![A picture](https://example.com/a/pic.png)',
      '[page 1 of 1]',
    ]) {
      expect(output.text).toContain(part);
    }
    expect(output.text).toMatch(/-\s+one\n-\s+two/);
    expect(output.text).not.toMatch(/alert|Navigation|p\{\}|javascript:/);
    expect(output.details).toMatchObject({
      title: 'A title',
      url: 'https://example.com/a/b',
      pages: 1,
      untrusted: true,
    });
    expect(requests[0]?.url).toBe(URL_GIVEN);
    expect(progress[0]?.title).toContain('example.com');
  });

  it.each([
    ['a fragment', '<p>just <b>this</b></p>', 'just **this**'],
    ['plain words', 'no tags at all', 'no tags at all'],
    ['an unclosed mess', '<div><p>a<div><span>b<table><tr><td>c', 'c'],
    ['an empty page', '<html><body></body></html>', 'no readable text'],
    ['a page of scripts', '<html><body><script>var x = "secret"</script></body></html>', 'no readable text'],
    ['entities', '<p>a &amp; b &lt;c&gt; &eacute;</p>', 'a & b <c> é'],
  ])('%s -> its text', async (_name, html, expected) => {
    expect((await textOf(webAnswer(html))).replaceAll('\\', '')).toContain(expected);
  });

  it('a long page -> pages with footers that join to the whole; a page too many is an argument error', async () => {
    const paragraphs = Array.from({ length: 400 }, (_, index) => `<p>Paragraph number ${index}. ${PARAGRAPH}</p>`).join(
      '',
    );
    const answer = webAnswer(`<html><body><article>${paragraphs}</article></body></html>`);
    const first = await textOf(answer);
    const pages = Number(/\[page 1 of (\d+); ask for page 2\]$/.exec(first)?.[1]);
    expect(pages).toBeGreaterThan(3);
    const all = (
      await Promise.all(Array.from({ length: pages }, (_, index) => textOf(answer, { page: index + 1 })))
    ).join('\n');
    for (let index = 0; index < 400; index += 1) expect(all).toContain(`Paragraph number ${index}.`);
    expect(first.length).toBeLessThanOrEqual(tool.resultBudgetChars);
    await expect(textOf(answer, { page: pages + 1 })).rejects.toMatchObject({
      code: 'tool.invalid-arguments',
      param: 'page',
    });
  });
});

describe('read_page: other content', () => {
  it.each([
    ['JSON as it is', 'application/json', '{"a": [1, 2]}', '{"a": [1, 2]}'],
    ['a JSON dialect', 'application/vnd.api+json', '{}', '{}'],
    ['plain text', 'text/plain', '<b>not html</b>', '<b>not html</b>'],
    ['XML', 'application/rss+xml', '<rss/>', '<rss/>'],
    ['HTML without a type', '', '<!DOCTYPE html><p>typed by its look</p>', 'typed by its look'],
  ])('%s -> shown', async (_name, type, body, expected) => {
    expect(await textOf(webAnswer(body, { headers: { 'content-type': type } }))).toContain(expected);
  });

  it.each([
    ['latin1 by header', 'text/plain; charset=ISO-8859-1', Buffer.from([0x63, 0x61, 0x66, 0xe9]), 'café'],
    ['UTF-16 by its mark', 'text/plain', Buffer.from('\ufeffhéllo', 'utf16le'), 'héllo'],
    [
      'windows-1251 by meta',
      'text/html',
      Buffer.concat([Buffer.from('<meta charset="windows-1251"><p>'), Buffer.from([0xcf, 0xf0, 0xe8])]),
      'При',
    ],
    ['an unknown charset', 'text/plain; charset=klingon', Buffer.from('héllo'), 'héllo'],
    ['broken UTF-8', 'text/plain', Buffer.from([0x61, 0xff, 0x62]), 'a\ufffdb'],
  ])('%s -> decoded', async (_name, type, body, expected) => {
    expect(await textOf(webAnswer(body, { headers: { 'content-type': type } }))).toContain(expected);
  });

  it.each(['image/png', 'application/pdf', 'application/octet-stream', 'video/mp4'])(
    '%s -> tool.failed that names the type',
    async (type) => {
      await expect(textOf(webAnswer('x', { headers: { 'content-type': type } }))).rejects.toMatchObject({
        code: 'tool.failed',
        message: expect.stringContaining(type) as string,
      });
    },
  );

  it.each([404, 500, 403, 304])('HTTP %i -> egress.http-error with what the page says', async (status) => {
    await expect(textOf(webAnswer('<title>Oh no</title><p>It went wrong</p>', { status }))).rejects.toMatchObject({
      code: 'egress.http-error',
      message: expect.stringMatching(new RegExp(`HTTP ${status}.*went wrong`)) as string,
    });
  });

  it('what the gate throws -> stays as it is', async () => {
    await expect(runTool(tool, { url: URL_GIVEN })).rejects.toMatchObject({ code: 'egress.unreachable' });
  });
});
