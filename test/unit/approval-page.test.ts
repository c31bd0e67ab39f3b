/** Proves that the page of an approval link shows what a call is about and nothing else: no markup of the model's, nothing unseen, no half call to approve. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decidedPage, problemPage, questionPage } from '../../api/pages/approval-page.js';
import { PAGE_POLICY, visible } from '../../api/pages/markup.js';
import { MAX_SHOWN_CHARS, shownArguments } from '../../api/projections/approval-link-view.js';
import type { ApprovalLinkView } from '../../api/projections/approval-link-view.js';
import { failure } from '../../domain/failures.js';

const aView = (changes: Partial<ApprovalLinkView> = {}): ApprovalLinkView => ({
  object: 'approval_link',
  id: 'alink_1',
  status: 'pending',
  agent: 'general',
  tool: 'send_mail',
  effect: 'unkeyed',
  because: { code: 'rule', message: 'the rules of this agent say so' },
  arguments: '{}',
  arguments_cut: false,
  arguments_hash: 'a'.repeat(64),
  expires_at: 1_800_000_000,
  ...changes,
});
const argumentsIn = (page: string): string => /<pre>([\s\S]*?)<\/pre>/.exec(page)?.[1] ?? '';

describe('the question', () => {
  it('shows agent, tool, effect, arguments, why and until when; two buttons, no script', () => {
    const page = questionPage(aView({ arguments: '{ "to": "anna" }' }));
    for (const text of ['general', 'send_mail', 'changes something, and may', 'say so', '2027-01-15 08:00 UTC', 'anna'])
      expect(page).toContain(text);
    expect(page.match(/<button/g)).toHaveLength(2);
    expect(page).not.toMatch(/<script|<img|<link|<a |style=|\son\w+=|https?:/);
  });

  it('Enter in the reason -> the first button, which denies', () => {
    expect(/<button[^>]*value="(\w+)"/.exec(questionPage(aView()))?.[1]).toBe('deny');
  });

  it.each([
    '</pre><script>alert(1)</script>',
    '</style><img src=x onerror=alert(1)>',
    '"><button name="decision" value="approve">Deny</button>',
    "' onfocus='alert(1)",
    '&lt;b&gt;',
    '<!--',
    ']]><svg/onload=alert(1)>',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
  ])('%s in any field of the model -> text', (text) => {
    const page = questionPage(aView({ arguments: text, tool: text, agent: text }));
    const rest = page
      .slice(page.indexOf('</style>') + 8)
      .replace(/<\/?(h1|h2|dl|dt|dd|bdi|pre|p|form|b|body|html)>/g, '');
    const ours =
      /<(p class="(hint|small)"|form method="post"|label for="reason"|\/label|input id="reason"[^>]*|button class="(deny|approve)"[^>]*|\/button|\/head)>/g;
    expect(rest.replace(ours, '')).not.toMatch(/[<>]/);
    expect(page.match(/<button/g)).toHaveLength(2);
  });

  it('the style is the one the policy allows, and the policy allows nothing else', () => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(questionPage(aView()))?.[1] ?? '';
    expect(PAGE_POLICY).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(PAGE_POLICY).toMatch(/^default-src 'none';/);
    expect(PAGE_POLICY).toContain("frame-ancestors 'none'");
    expect(PAGE_POLICY).not.toMatch(/unsafe|script-src|\*/);
  });

  it('arguments that are cut -> only Deny, and where to see the whole', () => {
    const page = questionPage(aView({ arguments_cut: true }));
    expect(page).not.toContain('value="approve"');
    expect(page).toContain('value="deny"');
    expect(page).toContain('/v1/approvals');
  });
});

describe('text that would not be seen', () => {
  it.each([
    ['an override of the direction', 'fdp.exe\u202Egpj', 'U+202E'],
    ['an isolate', '\u2066abc\u2069', 'U+2066'],
    ['an Arabic letter mark', 'a\u061Cb', 'U+061C'],
    ['a zero-width space', 'pay\u200Bpal', 'U+200B'],
    ['a joiner', 'pay\u200Dpal', 'U+200D'],
    ['a byte order mark', '\uFEFFx', 'U+FEFF'],
    ['a soft hyphen', 'pay\u00ADpal', 'U+00AD'],
    ['a tag character', 'x\u{E0041}', 'U+E0041'],
    ['a variation selector', 'x\uFE0F', 'U+FE0F'],
    ['a Hangul filler', 'x\u3164', 'U+3164'],
    ['a blank of Braille', 'x\u2800', 'U+2800'],
    ['a no-break space', 'x\u00A0y', 'U+00A0'],
    ['a bell', 'x\u0007', 'U+0007'],
    ['an escape', '\u001B[31m', 'U+001B'],
    ['a carriage return', 'safe\rrm -rf', 'U+000D'],
    ['a line separator', 'a\u2028b', 'U+2028'],
    ['half a pair', 'a\uD800b', 'U+D800'],
    ['private use', 'a\uE000', 'U+E000'],
  ])('%s -> its number', (_what, text, shown) => {
    const { html } = visible(text);
    expect(html).toContain(`<b>${shown}</b>`);
    expect(html.replace(/<\/?b>/g, '')).toMatch(/^[\x20-\x7e]*$/);
  });

  it('letters of any script, and lines -> as they are', () => {
    const text = 'Grüße, שלום, 你好\n— "ok" 👍';
    expect(visible(text).html).toBe(text.replaceAll('"', '&quot;'));
  });

  it('hidden behind an escape of JSON -> seen all the same', () => {
    const { text } = shownArguments('{"file":"fdp.exe\\u202Egpj"}');
    expect(argumentsIn(questionPage(aView({ arguments: text })))).toContain('<b>U+202E</b>');
  });
});

describe('arguments', () => {
  it.each([
    ['an object', '{"b":1,"a":[1]}', '{\n  "b": 1,\n  "a": [\n    1\n  ]\n}'],
    ['nothing', '', '{}'],
    ['no JSON', '{"a":', '{"a":'],
    ['a name twice: the one that counts', '{"to":"safe","to":"evil"}', '{\n  "to": "evil"\n}'],
    ['a number as the tool gets it', '{"n":12345678901234567890}', '{\n  "n": 12345678901234567000\n}'],
    ['deeper than can be indented', `${'['.repeat(40)}${']'.repeat(40)}`, `${'['.repeat(40)}${']'.repeat(40)}`],
    [
      'deep enough to exhaust a stack',
      `${'['.repeat(4_999)}${']'.repeat(4_999)}`,
      `${'['.repeat(4_999)}${']'.repeat(4_999)}`,
    ],
  ])('%s -> as it will run', (_what, text, shown) => {
    expect(shownArguments(text)).toEqual({ text: shown, cut: false });
  });

  it.each([
    ['long', JSON.stringify({ text: 'x'.repeat(MAX_SHOWN_CHARS) })],
    ['long once indented', JSON.stringify(Array.from({ length: 4_000 }, () => 1))],
    ['long and no JSON', 'x'.repeat(MAX_SHOWN_CHARS + 1)],
  ])('%s -> cut, and said so', (_what, text) => {
    const shown = shownArguments(text);
    expect(shown.cut).toBe(true);
    expect(shown.text.length).toBeLessThanOrEqual(MAX_SHOWN_CHARS);
  });

  it('a pair at the cut -> not halved', () => {
    const shown = shownArguments(`${'x'.repeat(MAX_SHOWN_CHARS - 1)}😀`);
    expect(shown).toEqual({ text: 'x'.repeat(MAX_SHOWN_CHARS - 1), cut: true });
  });
});

describe('after it', () => {
  it('what was decided, no arguments', () => {
    expect(decidedPage(aView({ status: 'approved', arguments: 'secret' }))).toMatch(/<h1>Approved/);
    const denied = decidedPage(aView({ status: 'denied', arguments: 'secret' }));
    expect(denied).toMatch(/<h1>Denied/);
    expect(denied).not.toContain('secret');
  });

  it('why a link does not work, escaped', () => {
    const page = problemPage(failure('request.invalid', "'<b>x' is not valid"));
    expect(page).toContain('&#39;&lt;b&gt;x&#39; is not valid');
  });
});
