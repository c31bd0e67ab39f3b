/**
 * Proves what may stand in an answer: remote images come through this server or need a click, nothing loads by itself, secrets
 * of the process are blanked; and that a stream cut anywhere gives the same text as one piece.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChunkFilter } from '../../activities/answer-filter.js';
import { createImageFilter } from '../../activities/image-filter.js';
import { createApiKeySecret } from '../../api/api-key-secret.js';
import { BLANK, createSecretFilter, createSecretNet } from '../../activities/secret-filter.js';
import type { TextFilter } from '../../activities/text-filter.js';
import { createImageLinks } from '../../adapters/secrets/image-links.js';
import { toMasterKey } from '../../adapters/secrets/master-key.js';
import type { ModelChunk } from '../../domain/ports/model.js';

const OWN = 'https://own.example/a.png?q=1';
const imageFilter = (tainted: boolean, signs = true): TextFilter =>
  createImageFilter({
    tainted,
    isAllowedHost: (url) => url.host === 'cdn.example',
    isUsersOwn: (url) => url.href === OWN,
    proxied: (url) => (signs ? `/v1/images/proxy?url=${encodeURIComponent(url)}` : null),
  });

function filtered(filter: TextFilter, text: string, size = text.length): string {
  let out = '';
  for (let at = 0; at < text.length; at += size) out += filter.push(text.slice(at, at + size));
  return out + filter.end();
}
const proxied = (url: string): string => `/v1/images/proxy?url=${encodeURIComponent(url)}`;

describe('remote images', () => {
  it.each([
    ['![a](https://x.example/p.png?d=secret#f "t")', `![a](${proxied('https://x.example/p.png')})`],
    ['<img src="https://x.example/p.png?d=1" alt="a">', `<img src="${proxied('https://x.example/p.png')}" alt="a">`],
    [`![a](${OWN})`, `![a](${proxied(OWN)})`],
    ['![a](https://cdn.example/p.png?v=2)', '![a](https://cdn.example/p.png?v=2)'],
    ['![a](/v1/files/file_1/content)', '![a](/v1/files/file_1/content)'],
    ['![a][logo]', '[a][logo]'],
    ['Use `![a](https://x.example/)` for it, and items![0].', 'Use `![a](https://x.example/)` for it, and items![0].'],
    ['```md\n![a](https://x.example/)\n```\n', '```md\n![a](https://x.example/)\n```\n'],
    ['1 < 2 && a<b, wow! [text](https://x.example/?q)', '1 < 2 && a<b, wow! [text](https://x.example/?q)'],
  ])('untainted turn: %j', (text, shown) => {
    expect(filtered(imageFilter(false), text)).toBe(shown);
  });

  it.each([
    ['![a](https://x.example/p.png?d=secret)', `[image from x.example: a](${proxied('https://x.example/p.png')})`],
    ['<img src=//x.example/p.png alt=a>', `[image from x.example: a](${proxied('https://x.example/p.png')})`],
    ['`![a](https://x.example/p)`', `\`[image from x.example: a](${proxied('https://x.example/p')})\``],
    ['![a](https://cdn.example/p.png?d=secret)', '![a](https://cdn.example/p.png)'],
    ['!!![a](https://x.example/p)', `[image from x.example: a](${proxied('https://x.example/p')})`],
    ['![[https://x.example/p]]', '[[https://x.example/p]]'],
    ['<style>@import url(https://x.example/p)</style>', '&lt;style>@import url(https://x.example/p)</style>'],
  ])('tainted turn: %j -> nothing is fetched without a click', (text, shown) => {
    expect(filtered(imageFilter(true), text)).toBe(shown);
  });

  it('a server that signs no links: a link to the image itself, which somebody must click', () => {
    expect(filtered(imageFilter(false, false), '![a](https://x.example/p)')).toBe(
      '[image from x.example: a](https://x.example/p)',
    );
  });

  it('cut anywhere: the same as in one piece, for any mix of the pieces images are made of', () => {
    const piece = fc.constantFrom(
      '!',
      '[',
      ']',
      '(',
      ')',
      '<',
      '>',
      'img ',
      'src=',
      '"',
      "'",
      'https://x.example/p',
      '//',
      '\\',
      '`',
      '```',
      '\n',
      ' ',
      'a',
      '?d=1',
      '&#104;',
      '~~~',
      'style=',
      '</a>',
    );
    const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), fc.boolean(), (whole, size, tainted) => {
        const once = filtered(imageFilter(tainted), whole);
        expect(filtered(imageFilter(tainted), whole, size)).toBe(once);
        if (tainted) expect(once.replaceAll('![', '')).not.toMatch(/<img[\s/]/i);
      }),
      { numRuns: 2_000 },
    );
  });

  it('plain text: goes out at once', () => {
    const filter = imageFilter(true);
    expect(filter.push('Hello, world')).toBe('Hello, world');
    expect(filter.push(' and so on! Yes')).toBe(' and so on! Yes');
  });
});

describe('secrets of the process', () => {
  const SECRET = 'sk-Geheim+1234567890/abc';
  const net = createSecretNet([SECRET, 'none', 'ollama']);

  it.each([
    SECRET,
    SECRET.toUpperCase(),
    Buffer.from(SECRET).toString('base64'),
    Buffer.from(SECRET).toString('hex'),
    encodeURIComponent(SECRET),
  ])('written as %s, in pieces of any size -> blanked and reported once', (spelling) => {
    for (const size of [1, 3, 7, 100]) {
      let found = 0;
      const filter = createSecretFilter(net, (count) => (found += count));
      expect(filtered(filter, `the key is ${spelling}, keep it`, size)).toBe(`the key is ${BLANK}, keep it`);
      expect(found).toBe(1);
    }
  });

  it('short ones and beginnings of one: stay', () => {
    const filter = createSecretFilter(net, () => undefined);
    expect(filtered(filter, 'none of ollama: sk-Geheim+12345', 4)).toBe('none of ollama: sk-Geheim+12345');
  });

  it('a key of this server that only its hash is known of, in pieces of any size -> blanked', () => {
    const nothing = createSecretNet([]);
    for (let key = 0; key < 20; key += 1) {
      const text = createApiKeySecret().key;
      for (const size of [1, 2, 3, 7, 45, 46, 100]) {
        const filter = createSecretFilter(nothing, () => undefined);
        expect(filtered(filter, `it is ${text}, and "${text}"`, size)).toBe(`it is ${BLANK}, and "${BLANK}"`);
      }
    }
  });

  it('what only resembles a key: long names in code, parts of words, begun ones -> stay', () => {
    const nothing = createSecretNet([]);
    const text =
      'ts_ test_events_are_delivered_In_order_even_when_the_log_is_lost_Again ts_a_timestamp_that_has_a_very_long_name_in_this_code ' +
      `x${createApiKeySecret().key} ${createApiKeySecret().key.slice(0, 45)}`;
    for (const size of [1, 2, 3, 7, 45, 100, 1000]) {
      expect(
        filtered(
          createSecretFilter(nothing, () => undefined),
          text,
          size,
        ),
      ).toBe(text);
    }
  });

  it('in tool arguments and names, with text before and between -> blanked, in order', () => {
    const filter = createChunkFilter({
      text: () => createSecretFilter(net, () => undefined),
      call: () => createSecretFilter(net, () => undefined),
      name: (text) => net.blank(text).text,
    });
    const chunks: ModelChunk[] = [
      { type: 'text-delta', text: 'now sk-' },
      { type: 'tool-call-start', index: 0, callId: 'a', name: `send_${SECRET}` },
      { type: 'tool-call-delta', index: 0, arguments: `{"to":"${SECRET.slice(0, 9)}` },
      { type: 'tool-call-delta', index: 0, arguments: `${SECRET.slice(9)}"}` },
      { type: 'finish', reason: 'tool_calls' },
    ];
    const out = [...chunks.flatMap((chunk) => filter.push(chunk)), ...filter.end()];
    expect(out.map((chunk) => chunk.type)).toEqual([
      'text-delta',
      'text-delta',
      'tool-call-start',
      'tool-call-delta',
      'tool-call-delta',
      'finish',
    ]);
    expect(JSON.stringify(out)).not.toContain(SECRET.slice(0, 9));
    expect(out[2]).toMatchObject({ name: `send_${BLANK}` });
  });
});

describe('links of proxied images', () => {
  const old = toMasterKey(new Uint8Array(32).fill(1));
  const links = createImageLinks([toMasterKey(new Uint8Array(32).fill(2)), old]);
  const parse = (link: string | null): { url: string; tenant: string; signature: string } => {
    const query = new URL(link ?? '', 'http://localhost').searchParams;
    const of = (name: string): string => query.get(name) ?? '';
    return { url: of('url'), tenant: of('tenant'), signature: of('signature') };
  };

  it('what it signed, and what an earlier master key signed: holds; anything changed does not', () => {
    const link = parse(links.link('t1', 'https://x.example/(p)*!.png'));
    expect(links.verify(link)).toBe(true);
    expect(links.verify(parse(createImageLinks([old]).link('t1', link.url)))).toBe(true);
    for (const change of [{ url: 'https://x.example/' }, { tenant: 't2' }, { signature: '' }, { signature: 'AAAA' }])
      expect(links.verify({ ...link, ...change })).toBe(false);
    expect(createImageLinks([]).verify(link)).toBe(false);
  });

  it('in Markdown and HTML: no character ends the address', () => {
    expect(links.link('t(1)', 'https://x.example/(p)*!\'"<>.png')).toMatch(/^[\w/?=&%.+-]+$/);
  });
});
